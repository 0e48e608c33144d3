/** Angular's test bed, once per test file; zoneless unless a test provides zones. */

import '@angular/compiler';
import { NgModule, provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { BrowserTestingModule, platformBrowserTesting } from '@angular/platform-browser/testing';
import { afterEach } from 'vitest';

class Zoneless {}
NgModule({ providers: [provideZonelessChangeDetection()] })(Zoneless);

TestBed.initTestEnvironment([BrowserTestingModule, Zoneless], platformBrowserTesting());

afterEach(() => TestBed.resetTestingModule());
