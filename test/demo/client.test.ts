import { expect, test } from "vitest";
import { outcomeOfError, voidsAcknowledgement } from "../../src/demo/client.js";

const serverError = (severity: string, code: string) => Object.assign(new Error("said so"), { severity, code });

test("only an ERROR of the server is a refusal; whatever ends the connection leaves the outcome unknown", () => {
  expect(outcomeOfError(serverError("ERROR", "25006"))).toBe("refused");
  expect(outcomeOfError(serverError("FATAL", "57P01"))).toBe("unknown");
  expect(outcomeOfError(serverError("PANIC", "53100"))).toBe("unknown");
  expect(outcomeOfError(new Error("Connection terminated unexpectedly"))).toBe("unknown");
  expect(outcomeOfError(undefined)).toBe("unknown");
});

test("a cancelled wait for the quorum takes the acknowledgement back", () => {
  expect(voidsAcknowledgement({ severity: "WARNING", code: "01000" })).toBe(true);
  expect(voidsAcknowledgement({ severity: "WARNING", code: "57P01" })).toBe(true);
  expect(voidsAcknowledgement({ severity: "NOTICE", code: "00000" })).toBe(false);
});
