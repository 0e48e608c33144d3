/** Speaks with the Python backend. */

import { HttpClient } from '@angular/common/http';
import { Injectable, inject } from '@angular/core';
import { firstValueFrom } from 'rxjs';

import { desktop } from './desktop';

export interface Workspace {
  readonly path: string;
  readonly name: string;
  readonly is_git_repo: boolean;
}

export interface ToolUse {
  readonly name: string;
  readonly duration_ms: number;
  readonly error_type: string;
}

export interface Proposal {
  readonly id: string;
  readonly title: string;
  readonly operation: string;
  readonly files: readonly { readonly path: string; readonly diff: string }[];
}

export interface Turn {
  readonly reply: string;
  readonly tools: readonly ToolUse[];
  readonly proposal: Proposal | null;
}

@Injectable({ providedIn: 'root' })
export class Backend {
  private readonly http = inject(HttpClient);

  selectWorkspace(path: string): Promise<Workspace> {
    return this.post('/workspaces', { path });
  }

  chat(path: string, prompt: string): Promise<Turn> {
    return this.post('/chat', { path, prompt });
  }

  decide(proposal: string, approved: boolean): Promise<{ readonly files: number }> {
    return this.post(`/proposals/${encodeURIComponent(proposal)}/decision`, { approved });
  }

  fail(): Promise<void> {
    return this.post('/fail', {});
  }

  private async post<Answer>(path: string, body: object): Promise<Answer> {
    if (desktop === undefined) throw new Error('the assistant lives in the desktop app');
    const { url, token } = await desktop.backend();
    const headers = { Authorization: `Bearer ${token}` };
    return firstValueFrom(this.http.post<Answer>(url + path, body, { headers }));
  }
}
