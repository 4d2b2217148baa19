// The shapes of /api/v1 as the program answers them (see /api/v1/openapi.json), and how to ask.

export type Mode = "Actual" | "Exercise" | "System" | "Test";
export type Age = "current" | "late" | "silent" | "never";

export interface LevelName { level: number; name: string; colour: string }
export interface Site {
  name: string; mode: Mode; about?: string; languages: { tag: string; name: string }[];
  levels: LevelName[]; time_zone: string; utc_offset_seconds: number; now: string;
}
export interface Me { id: string; name: string; role: string; may_approve: boolean }
export interface Mark { test: string; flag: number; detail: string }
export interface Reading {
  time: string; sensor: string; value: number; unit: string; flag: number; marks?: Mark[]; time_assumed?: boolean;
}
export interface Threshold { rule: string; zone: string; level: number; raise: number; clear?: number }
export interface Sensor {
  id: string; quantity: string; unit: string; datum?: string; interval_seconds?: number; age: Age; judged: boolean;
  level: number | null; latest?: Reading; thresholds?: Threshold[];
}
export interface Station {
  id: string; name: string; river?: string; position: [number, number]; outburst?: boolean; invented?: boolean;
  note?: string; level: number | null; age: Age; sensors: Sensor[];
}
export interface Exposure {
  people: number; low: number; high: number; area_km2: number;
  places: { id: string; name: string; people: number }[] | null;
  units: { id: string; name: string; people: number; of: number; fraction: number }[] | null;
  methods: string[] | null; sources: string[] | null;
}
export interface Text {
  language: string; event: string; headline: string; description: string; instruction: string; sms: string; reviewed: boolean;
}
export interface Proposal {
  action: string; level: number; submitter: string; at: string; words: string; doubtful?: string; exposure: Exposure;
  needs: number; approvals: string[];
  evidence?: { rule: string; station: string; sensor: string; onset: string; judged: string; readings: Reading[] };
}
export type Status = "proposed" | "approved" | "issued" | "updated" | "ended" | "rejected";
export interface Warning {
  id: string; mode: Mode; hazard: string; zone: string; zone_name: string; level: number; status: Status; version: number;
  edition: number; identifier?: string; cap?: string; people: number; created: string; changed: string; issued?: string;
  ended?: string; expires?: string; texts: Text[]; proposal?: Proposal; reason?: string;
}
export interface ZoneFeature {
  type: "Feature"; id: string; geometry: GeoJSON.MultiPolygon | GeoJSON.Polygon;
  properties: { id: string; name: string; hazard: string; people?: number };
}
export interface Zones { type: "FeatureCollection"; features: ZoneFeature[] }
export interface Reject {
  received: string; topic: string; station?: string; sensor?: string; reason: string; detail: string; excerpt?: string; position: number;
}
export interface Delivery {
  key: string; warning: string; edition: number; recipient: string; channel: string; language: string; state: string;
  attempts: number; detail?: string; changed: string;
}
export interface Phone {
  id: string; name: string; address: string; language: string;
  messages: { time: string; warning: string; edition: number; text: string; state: string }[];
}
export interface Health { ready: boolean; checks: { name: string; state: "ok" | "warn" | "bad" | "off"; detail: string }[] }

/** Problem is an RFC 9457 answer. */
export class Problem extends Error {
  constructor(readonly status: number, detail: string) {
    super(detail);
  }
}

/** ask fetches JSON from the API. A session that has ended leads to the login page. */
export async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch("/api/v1" + path, { cache: "no-store", credentials: "same-origin", ...init });
  if (response.status === 401) {
    location.assign("/login");
    throw new Problem(401, "signed out");
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    const first = body.errors?.[0]?.message;
    throw new Problem(response.status, [body.detail ?? response.statusText, first].filter(Boolean).join(": "));
  }
  return response.json();
}

/** optional asks for what this site may not have: null where the route does not exist. */
export async function optional<T>(path: string): Promise<T | null> {
  try {
    return await ask<T>(path);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

export type Step = "approve" | "reject" | "all_clear" | "cancel";

/** decide takes a step on the version of the warning that was on the screen. */
export function decide(step: Step, id: string, version: number, note: string): Promise<Warning> {
  const end = step === "all_clear" || step === "cancel";
  const body = end ? { version, note, action: step } : step === "reject" ? { version, note } : { version };
  return ask<Warning>(`/warnings/${encodeURIComponent(id)}/${end ? "end" : step}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
