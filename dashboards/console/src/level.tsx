import type { LevelName } from "./api";
import { words } from "./words";

// Levels are told by a form, a number and a word besides the colour.

/** outlines are the forms of levels 0 to 4 in a box of 24: circle, triangle, diamond, square, octagon. */
export const outlines = [
  "M2 12a10 10 0 1 0 20 0 10 10 0 1 0-20 0z", "M12 1 23.5 22H.5z", "M12 .5 23.5 12 12 23.5.5 12z",
  "M2 2h20v20H2z", "M8 1h8l7 7v8l-7 7H8l-7-7V8z",
];
const baseline = [17, 19, 17, 17, 17];

const tones: Record<string, string> = {
  green: "#1a7f37", yellow: "#ffd60a", amber: "#ffb000", orange: "#ff8a1f", red: "#c8102e", violet: "#7b1fa2",
  purple: "#7b1fa2", magenta: "#b5178a", blue: "#0b57a4", brown: "#6d4c2f", black: "#111111", white: "#ffffff",
  grey: "#8a94a0", gray: "#8a94a0",
};

export interface Paint { background: string; ink: string }

/** paint turns a colour as the site names it into one of the house's tones and the ink read best on it. */
export function paint(colour: string): Paint {
  let hex = tones[colour.toLowerCase()] ?? colour.toLowerCase();
  if (/^#[0-9a-f]{3}$/.test(hex)) hex = "#" + [...hex.slice(1)].map((c) => c + c).join("");
  if (!/^#[0-9a-f]{6}$/.test(hex)) hex = "#8a94a0";
  const linear = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
  return { background: hex, ink: (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) ? "#000000" : "#ffffff" };
}

/** Scale is the site's levels, by number. */
export class Scale {
  private paints = new Map<number, Paint>();
  private names = new Map<number, string>();
  readonly levels: LevelName[];
  constructor(levels: LevelName[]) {
    this.levels = levels;
    this.paints.set(0, { background: "#dfe7ee", ink: "#000000" });
    for (const l of levels) {
      this.paints.set(l.level, paint(l.colour));
      this.names.set(l.level, l.name);
    }
  }
  paint(level: number): Paint {
    return this.paints.get(level) ?? { background: "#8a94a0", ink: "#000000" };
  }
  name(level: number): string {
    return this.names.get(level) ?? (level === 0 ? words.levelZero : String(level));
  }
}

/** Shape is the mark of a level; null is "cannot be told". It says nothing to a screen reader: a word stands beside it. */
export function Shape({ level, scale, size = 24 }: { level: number | null; scale: Scale; size?: number }) {
  if (level === null) {
    return (
      <svg class="shape" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 3" />
        <text x="12" y="17" fill="currentColor">?</text>
      </svg>
    );
  }
  const { background, ink } = scale.paint(level);
  return (
    <svg class="shape" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={outlines[level] ?? outlines[4]} fill={background} stroke="currentColor" stroke-width="1.2" />
      <text x="12" y={baseline[level] ?? 17} fill={ink}>{level}</text>
    </svg>
  );
}

/** levelShown is what may be said of a station: of one that fell silent never "normal", but a danger is not taken back by silence. */
export function levelShown(s: { level: number | null; age: string }): number | null {
  const gone = s.age === "silent" || s.age === "never";
  return gone && s.level === 0 ? null : s.level;
}
