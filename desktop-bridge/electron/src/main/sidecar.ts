/** Says where the sidecar's program lies and how it is called. */

import { join } from "node:path";

export interface SidecarPlace {
  /** An executable; wins over everything. */
  readonly sidecar?: string | undefined;
  /** A Python that has `sidespool` installed, for development. */
  readonly python?: string | undefined;
}

export interface Machine {
  readonly isPackaged: boolean;
  readonly resourcesPath: string | undefined;
  readonly platform: string;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

const RUN = ["run", "--stdio"];

/**
 * The packaged app's own sidecar in `resources/sidespool/` (an asar cannot hold executables), or,
 * in development, the given Python, else whatever `sidespool` is on the PATH.
 */
export function sidecarProgram(place: SidecarPlace, machine: Machine): Program {
  if (place.sidecar !== undefined) return { command: place.sidecar, args: RUN };
  const file = machine.platform === "win32" ? "sidespool.exe" : "sidespool";
  if (machine.isPackaged && machine.resourcesPath !== undefined) {
    return { command: join(machine.resourcesPath, "sidespool", file), args: RUN };
  }
  if (place.python !== undefined) {
    return { command: place.python, args: ["-m", "sidespool", ...RUN] };
  }
  return { command: file, args: RUN };
}
