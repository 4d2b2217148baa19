import { words } from "./words";

/** Clock writes times in the zone of the site, whatever the zone of this machine. */
export class Clock {
  private ahead = 0;
  constructor(private offset: number, now: string) {
    this.set(now);
  }

  /** set takes the site's present time as the server said it. */
  set(now: string): void {
    this.ahead = Date.parse(now) - Date.now();
  }

  /** now is the site's time in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.ahead;
  }

  private local(ms: number): string {
    return new Date(ms + this.offset * 1000).toISOString();
  }

  /** time is HH:MM, with the day where that is not today. */
  time(t: string | number): string {
    const ms = typeof t === "number" ? t : Date.parse(t);
    const text = this.local(ms);
    const clock = text.slice(11, 16);
    if (text.slice(0, 10) === this.local(this.now()).slice(0, 10)) return clock;
    const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    return `${day.format(ms + this.offset * 1000)} ${clock}`;
  }

  /** full is the date and the time of the clock with seconds. */
  full(): { day: string; time: string; zone: string } {
    const text = this.local(this.now());
    const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
    const sign = this.offset < 0 ? "−" : "+";
    const minutes = Math.abs(this.offset) / 60;
    const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
    return {
      day: day.format(this.now() + this.offset * 1000), time: text.slice(11, 19),
      zone: `UTC${sign}${two(minutes / 60)}:${two(minutes % 60)}`,
    };
  }

  get seconds(): number {
    return this.offset;
  }

  ago(t: string): string {
    const minutes = Math.floor((this.now() - Date.parse(t)) / 60000);
    if (minutes < -1) return words.ago.ahead;
    if (minutes < 1) return words.ago.now;
    if (minutes < 60) return words.ago.minutes(minutes);
    if (minutes < 48 * 60) return words.ago.hours(Math.floor(minutes / 60));
    return words.ago.days(Math.floor(minutes / 1440));
  }
}

export const unit = (code: string): string => words.units[code] ?? code;

/** figure writes a value as exactly as gauges measure. */
export function figure(value: number, code: string): string {
  return value.toFixed(code === "m" ? 2 : 1);
}

export const count = (n: number): string => new Intl.NumberFormat("en-GB").format(n).replaceAll(",", "\u202f");

export const quantity = (q: string): string => words.quantities[q] ?? q;

export const sentence = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);
