/** Puts the parts together: one daemon, one outbox, the app's settings, its pages. */

import { randomUUID } from "node:crypto";
import type {
  DaemonFrame,
  EventOptions,
  Level,
  SettingsFrame,
  SettingsView,
  WelcomeFrame,
} from "@sidespool/protocol";
import { PROTOCOL, encodeFrame } from "@sidespool/protocol";
import type { BridgeState, Door } from "../channel.js";
import type { Child, ChildEvents } from "./child.js";
import type { Fresh } from "./completion.js";
import { eventCompleter } from "./completion.js";
import { within } from "./deadline.js";
import { childEnvironment, telemetryVariables } from "./environment.js";
import type { Link } from "./link.js";
import { Losses } from "./losses.js";
import type { Consent, SidespoolOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { HAND_OVER_MS } from "./policy.js";
import { Questions } from "./questions.js";
import { Relay } from "./relay.js";
import { sessionName } from "./session.js";
import { SettingsSync } from "./settings-sync.js";
import type { Program } from "./sidecar.js";
import type { Phase } from "./state.js";
import type { World } from "./supervisor.js";
import { Supervisor } from "./supervisor.js";

/** Effects that tests replace. */
export interface Effects extends Omit<World, "launch"> {
  launch(program: Program, env: Record<string, string>, events: ChildEvents): Child;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
}

export class Telemetry {
  readonly sessionId = randomUUID();
  readonly startedAt = Date.now();
  readonly outbox: Outbox<Fresh>;
  readonly questions: Questions;
  readonly losses: Losses;
  readonly relay: Relay;
  readonly settings: SettingsSync;
  readonly supervisor: Supervisor;
  view: SettingsView | undefined;
  readonly #listeners = new Set<() => void>();
  #tag: string | null = null;
  #lastId = 0;

  constructor(
    private readonly options: SidespoolOptions,
    private readonly effects: Effects,
  ) {
    const nextId = (): number => (this.#lastId += 1);
    this.outbox = new Outbox<Fresh>({
      complete: eventCompleter(options.beforeSend, () =>
        this.#tag === null ? undefined : this.session,
      ),
      nextId,
      soon: setImmediate,
      eventsMax: options.bufferMax,
      onLoss: (reason, events) => this.losses.note(reason, events),
    });
    this.questions = new Questions(nextId);
    this.losses = new Losses(this.questions);
    this.relay = new Relay(nextId, () => this.#welcome());
    this.settings = new SettingsSync(options.settings ?? { get: () => undefined }, {
      tell: (settings, answered) => this.questions.ask({ op: "set", settings }, { answered }),
      restart: () => this.supervisor.tell({ kind: "restartAsked" }),
    });
    this.supervisor = new Supervisor(
      { ...effects, launch: (events) => this.#launch(events) },
      {
        onLink: (link) => this.#onLink(link),
        onLinkLost: () => this.#onLinkLost(),
        onFrame: (frame) => this.#onFrame(frame),
        onPing: (link) => link.send(this.#hello()),
        onShutdown: (link) => this.#onShutdown(link),
        onPhase: (phase) => this.#onPhase(phase),
        onCrash: (code, hung) => this.onCrash(code, hung),
        onErrorLine: (line) => this.say(line),
      },
      options.shutdownGraceMs,
    );
  }

  /** Set by whoever emits automatic events. */
  onCrash: (code: number | null, hung: boolean) => void = () => {};

  /** The caller's whole cost: a clock, an object, a push. */
  emit(name: string, payload?: object, options?: EventOptions): void {
    this.outbox.push({ name, payload, options, at: Date.now() });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setTag(tag: string | null): void {
    this.#tag = tag;
    this.#changed();
  }

  get session(): string {
    return sessionName(this.sessionId, this.#tag);
  }

  door(): Door | null {
    const { ready, phase } = this.supervisor;
    if (ready === undefined || phase !== "ready") return null;
    return { url: ready.url, token: ready.token, session_id: this.session, protocol: PROTOCOL };
  }

  state(): BridgeState {
    const { generation, phase } = this.supervisor;
    return { generation, ready: phase === "ready", level: this.consent().level };
  }

  consent(): Consent {
    const { view } = this;
    const { why } = this.supervisor;
    if (view === undefined) {
      const reason = why === "" ? "the daemon has not answered yet" : why;
      return { level: "off", source: "starting", reason, mustAsk: false };
    }
    return {
      level: view.level,
      source: view.decided_by ?? "",
      reason: view.because ?? "",
      mustAsk: view.must_ask === true,
    };
  }

  async decide(decision: "granted" | "denied", policyVersion: string): Promise<Consent> {
    const policy_version = policyVersion;
    await this.questions.ask({ op: "consent", decision, policy_version });
    return this.consent();
  }

  async choose(name: "enabled" | "full_content", value: boolean): Promise<Consent>;
  async choose(name: "level", value: Level): Promise<Consent>;
  async choose(name: "enabled" | "full_content" | "level", value: never): Promise<Consent> {
    await this.settings.choose(name, value);
    return this.consent();
  }

  /** The app is going: everything to the daemon, and its acknowledgement if it comes in time. */
  async handOver(): Promise<void> {
    this.outbox.flush();
    this.losses.tell();
    this.supervisor.tell({ kind: "quitAsked", pending: this.outbox.size > 0 });
    if (this.supervisor.phase === "stopping") await within(this.outbox.drained(), HAND_OVER_MS);
    this.supervisor.letGo();
  }

  say(sentence: string): void {
    try {
      this.options.logger?.(sentence);
    } catch {
      // A logger that throws is the host's, and so is its problem.
    }
  }

  #launch(events: ChildEvents): Child {
    const { program, environment } = this.effects;
    const { options, settings } = this;
    const telemetry = telemetryVariables(options, settings.variables());
    const env = childEnvironment(environment, telemetry, options.environment);
    return this.effects.launch(program, env, events);
  }

  // -- the conversation -----------------------------------------------------------------------

  /** The token is that of the door; the child's own pipe needs none, and ignores it. */
  #hello(): string {
    const token = this.supervisor.ready?.token;
    return encodeFrame({ op: "hello", client: "electron-main", session_id: this.session, token });
  }

  #onLink(link: Link): void {
    link.send(this.#hello());
    this.questions.open(link);
    this.relay.open(link);
    void this.#handOverToken(link);
    this.outbox.open(link);
    this.losses.tell();
  }

  /** Only the child's own input takes secrets; to another instance's daemon none is sent. */
  async #handOverToken(link: Link): Promise<void> {
    if (this.supervisor.ready?.already_running === true) return;
    const { token } = this.options;
    try {
      const known = typeof token === "function" ? await token() : token;
      if (known === undefined || known === "" || !this.supervisor.uses(link)) return;
      await this.questions.ask({ op: "set", secrets: { collector_token: known } });
    } catch {
      this.say("the collector's token could not be read");
    }
  }

  #onLinkLost(): void {
    this.outbox.lost();
    this.questions.lost();
    this.relay.lost();
    this.settings.onGone();
  }

  #onShutdown(link: Link): void {
    this.outbox.flush();
    link.send(encodeFrame({ op: "shutdown", id: (this.#lastId += 1) }));
  }

  #onFrame(frame: DaemonFrame): void {
    if (frame.op === "welcome") this.#onWelcome(frame);
    else if (frame.op === "settings") this.#onSettings(frame);
    else if (frame.op === "ack" && this.outbox.onAck(frame)) return;
    else if (frame.op === "error" && this.outbox.onRefused(frame.id, frame.reason)) return;
    if (this.questions.onFrame(frame)) return;
    this.relay.onFrame(frame);
  }

  #onWelcome({ settings }: WelcomeFrame): void {
    const first = this.settings.fresh;
    this.view = settings;
    if (first) this.settings.onWelcome(settings);
    this.#changed();
  }

  #onSettings(view: SettingsFrame): void {
    this.view = view;
    this.settings.onView(view);
    if (view.id === undefined || view.id === null) this.relay.onSettings(view);
    this.#changed();
  }

  #onPhase(phase: Phase): void {
    if (phase === "failed") this.say(`the sidecar is not started again: ${this.supervisor.why}`);
    this.#changed();
  }

  #welcome(): WelcomeFrame | undefined {
    const { view } = this;
    if (view === undefined || this.supervisor.phase !== "ready") return undefined;
    return { op: "welcome", session_id: this.session, level: view.level, settings: view };
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch {
        this.say("a listener of onChange has thrown");
      }
    }
  }
}
