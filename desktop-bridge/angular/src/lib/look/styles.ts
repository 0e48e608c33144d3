/**
 * The components' look. Every colour and measure is a custom property with a default, for light
 * and dark; an app sets them on the element or anywhere above it. Nothing newer than Chromium 108.
 */

const LIGHT = `
  --_text: var(--sidespool-text, #1c1e21);
  --_muted: var(--sidespool-muted, #565c66);
  --_surface: var(--sidespool-surface, #ffffff);
  --_raised: var(--sidespool-raised, #f4f5f7);
  --_line: var(--sidespool-line, #d5d9df);
  --_accent: var(--sidespool-accent, #2457d6);
  --_on-accent: var(--sidespool-on-accent, #ffffff);
  --_danger: var(--sidespool-danger, #b3261e);
  --_off: var(--sidespool-off, #6b7280);`;

const DARK = `
  --_text: var(--sidespool-text, #e8eaed);
  --_muted: var(--sidespool-muted, #a8afba);
  --_surface: var(--sidespool-surface, #1b1d21);
  --_raised: var(--sidespool-raised, #26292e);
  --_line: var(--sidespool-line, #3d424a);
  --_accent: var(--sidespool-accent, #8fb0ff);
  --_on-accent: var(--sidespool-on-accent, #10203f);
  --_danger: var(--sidespool-danger, #ff9d94);
  --_off: var(--sidespool-off, #8b929d);`;

export const BASE = `
:host { ${LIGHT}
  --_radius: var(--sidespool-radius, 10px);
  display: block;
  color: var(--_text);
  font: var(--sidespool-font, 0.9375rem/1.5 system-ui, sans-serif);
}
@media (prefers-color-scheme: dark) { :host { ${DARK} } }
:host-context([data-theme='dark']) { ${DARK} }
:host-context([data-theme='light']) { ${LIGHT} }
*, *::before, *::after { box-sizing: border-box; }
h2, h3, p, ul, dl, dd { margin: 0; }
h2 { font-size: 1.25em; line-height: 1.3; }
h3 { font-size: 1em; line-height: 1.4; }
.muted { color: var(--_muted); font-size: 0.9em; }
a { color: var(--_accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
button {
  min-height: 2.5em; padding: 0.4em 1.1em; font: inherit; font-weight: 550; cursor: pointer;
  color: var(--_text); background: var(--_surface);
  border: 1px solid var(--_off); border-radius: calc(var(--_radius) * 0.8);
}
button:hover { background: var(--_raised); }
button:disabled { cursor: default; opacity: 0.6; }
button.danger { color: var(--_danger); border-color: currentColor; }
@media (forced-colors: active) { button, input { forced-color-adjust: auto; } }
`;

export const DIALOG = `
dialog {
  width: min(30rem, calc(100vw - 2rem)); max-height: calc(100vh - 2rem); padding: 1.75rem;
  overflow: auto; color: var(--_text); background: var(--_surface);
  border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 1.4);
  box-shadow: 0 1.5rem 4rem rgb(0 0 0 / 0.28);
}
dialog::backdrop { background: rgb(15 18 24 / 0.5); }
dialog h2 { margin-bottom: 0.6rem; }
dialog p + p, dialog ul + p { margin-top: 0.75rem; }
.choices { display: grid; grid-template-columns: 1fr 1fr; gap: 0.75rem; margin-top: 1.5rem; }
`;
