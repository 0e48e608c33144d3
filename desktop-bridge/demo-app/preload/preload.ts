/** What the page sees of the desktop: Sidespool's bridge, and five wishes of its own. */

import '@sidespool/electron/preload';

import { contextBridge, ipcRenderer } from 'electron';

contextBridge.exposeInMainWorld('desktop', {
  backend: () => ipcRenderer.invoke('demo:backend'),
  pickWorkspace: () => ipcRenderer.invoke('demo:pick-workspace'),
  keepAdvanced: (change: object) => ipcRenderer.invoke('demo:keep-advanced', change),
  openViewer: () => ipcRenderer.invoke('demo:open-viewer'),
  failInMain: () => ipcRenderer.invoke('demo:fail'),
});
