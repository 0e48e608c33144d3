import type { Routes } from '@angular/router';

import { ChatPage } from './chat-page';
import { ProposalPage } from './proposal-page';
import { SettingsPage } from './settings-page';
import { TroublePage } from './trouble-page';

export const ROUTES: Routes = [
  { path: '', pathMatch: 'full', redirectTo: 'chat' },
  { path: 'chat', component: ChatPage, title: 'Proposals' },
  { path: 'proposals/:id', component: ProposalPage, title: 'Proposal' },
  { path: 'trouble', component: TroublePage, title: 'Trouble' },
  { path: 'settings', component: SettingsPage, title: 'Settings' },
  { path: '**', redirectTo: 'chat' },
];
