/** What logins count, as plain fields, read by metrics. */
export interface LoginCounts {
  begun: number
  finished: number
  failed: number
  /** Requests let in by a session; requests without one. */
  sessions: number
  asked: number
  loggedOut: number
}

export function loginCounts(): LoginCounts {
  return { begun: 0, finished: 0, failed: 0, sessions: 0, asked: 0, loggedOut: 0 }
}
