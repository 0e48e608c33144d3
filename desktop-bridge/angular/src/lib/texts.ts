/** Every text a user sees, in one object: an app replaces what it translates. */

/** Functions fill in names and numbers, so that each language orders its words as it likes. */
export interface SidespoolTexts {
  readonly heading: string;
  readonly help: (app: string) => string;
  readonly helpDetail: string;
  readonly fullContent: string;
  readonly fullContentDetail: string;
  readonly privacyLink: string;
  /** What is in effect, by the layer that decided; `consent` also stands for an unasked user. */
  readonly decidedBy: Readonly<Record<string, string>>;
  readonly absent: string;
  readonly waiting: string;

  readonly confirmFullHeading: string;
  readonly confirmFullText: (app: string) => string;
  readonly confirmFullYes: string;
  readonly cancel: string;

  readonly advanced: string;
  readonly endpoint: string;
  readonly endpointNone: string;
  readonly userId: string;
  readonly connection: string;
  readonly connectionSocket: string;
  readonly connectionPort: string;
  readonly save: string;
  readonly saved: string;

  readonly yourData: string;
  readonly pending: string;
  readonly pendingNone: string;
  readonly pendingCount: (events: number) => string;
  readonly history: string;
  readonly historyNone: string;
  readonly historyCount: (events: number) => string;
  readonly historyBatch: (sentAt: Date, sizeBytes: number) => string;
  readonly countsOnly: string;
  readonly refresh: string;

  readonly deleteData: string;
  readonly deleteDetail: string;
  readonly deleteHeading: string;
  readonly deleteText: string;
  readonly deleteYes: string;
  readonly deleteFailed: string;
  readonly deletedHere: string;
  /** By the state of the request: queued, accepted, erased, waiting_for_mail. */
  readonly deletion: Readonly<Record<string, string>>;
  readonly receipt: (receipt: string) => string;

  readonly consentHeading: (app: string) => string;
  readonly consentText: (app: string) => string;
  readonly consentPoints: readonly string[];
  readonly consentLater: string;
  readonly accept: string;
  readonly decline: string;
}

const kilobytes = (bytes: number): string =>
  `${(bytes / 1024).toLocaleString('en', { maximumFractionDigits: 1 })} KB`;

const events = (count: number): string => (count === 1 ? '1 event' : `${count} events`);

export const ENGLISH: SidespoolTexts = {
  heading: 'Usage data',
  help: (app) => `Help improve ${app} by sending anonymous usage data`,
  helpDetail:
    'Counts, durations and errors from which names, paths and addresses have been removed. ' +
    'Never what you write, and never your files.',
  fullContent: 'Also send the text of prompts, answers and changes',
  fullContentDetail: 'For people who want to share whole conversations. Off unless you say so.',
  privacyLink: 'What is collected, and why',
  decidedBy: {
    administrator: 'Your administrator limits what is sent.',
    do_not_track: 'Nothing is collected: DO_NOT_TRACK is set on this computer.',
    feature: 'This version collects nothing.',
    app_settings: 'Nothing is collected.',
    consent: 'Nothing is collected until you agree.',
    encryption:
      'Full content is not shared: this computer offers no keychain to encrypt it with until it is sent.',
  },
  absent: 'Usage data is available in the desktop app only. Nothing is collected here.',
  waiting: 'The data service is starting. Your choice appears here in a moment.',

  confirmFullHeading: 'Share full content?',
  confirmFullText: (app) =>
    `${app} will send what you write, what the assistant answers, and the changes it proposes. ` +
    'Passwords and keys are removed first, but other private text may be in there. ' +
    'You can switch this off at any time; what has not been sent is deleted then.',
  confirmFullYes: 'Share full content',
  cancel: 'Cancel',

  advanced: 'Advanced',
  endpoint: 'Sent to',
  endpointNone: 'nowhere: data stays on this computer',
  userId: 'Anonymous id',
  connection: 'Connection',
  connectionSocket: 'local socket',
  connectionPort: 'through the app',
  save: 'Save',
  saved: 'Saved',

  yourData: 'Your data',
  pending: 'Show what waits to be sent',
  pendingNone: 'Nothing waits.',
  pendingCount: (count) => `${events(count)} waiting`,
  history: 'Show what was sent',
  historyNone: 'Nothing was sent yet.',
  historyCount: (count) => `${events(count)} sent`,
  historyBatch: (sentAt, sizeBytes) =>
    `${sentAt.toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })}, ${kilobytes(sizeBytes)}`,
  countsOnly: 'The single events cannot be shown in this window.',
  refresh: 'Refresh',

  deleteData: 'Delete my data',
  deleteDetail: 'Removes everything from this computer and asks for its deletion where it was sent.',
  deleteHeading: 'Delete all your usage data?',
  deleteText:
    'What waits and what is kept on this computer is deleted now. A request to delete what was ' +
    'sent is delivered as soon as possible. Usage data is switched off. This cannot be undone.',
  deleteYes: 'Delete my data',
  deleteFailed: 'That did not work: the data service does not answer. Please try again.',
  deletedHere: 'Everything on this computer has been deleted.',
  deletion: {
    queued: 'The request to delete what was sent waits for a connection.',
    accepted: 'The request to delete what was sent has been received.',
    erased: 'What was sent has been deleted.',
    waiting_for_mail: 'Send the prepared mail to have what was sent deleted.',
  },
  receipt: (receipt) => `Receipt ${receipt}`,

  consentHeading: (app) => `Help improve ${app}?`,
  consentText: (app) =>
    `May ${app} send anonymous usage data? It shows us what works, what breaks, and what is slow.`,
  consentPoints: [
    'Counts, durations and errors, without names, paths or addresses',
    'Never what you write, and never your files',
    'You can look at everything, and delete it, in the settings',
  ],
  consentLater: 'You can change your mind in the settings at any time.',
  accept: 'Accept',
  decline: 'Decline',
};
