// SPDX-License-Identifier: MIT

// A fault in a request to the sandbox's own endpoints, described for the test's author.
export class SandboxError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
