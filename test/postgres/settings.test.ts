import { describe, expect, it } from "vitest";
import { commandLine, inFile } from "../../src/postgres/settings.js";

const OPTIONS = {
  major: 18,
  port: 5432,
  listenAddresses: ["10.0.0.1", "127.0.0.1"],
  socketDir: "/run/q",
  hbaFile: "/run/q/hba",
  configFile: "/run/q/conf",
  platform: "linux" as const,
};

function settings(more: Partial<Parameters<typeof commandLine>[0]> = {}): Record<string, string> {
  const args = commandLine({ ...OPTIONS, ...more });
  expect(args.filter((_, index) => index % 2 === 0)).toEqual(
    args.filter((_, index) => index % 2 === 0).map(() => "-c"),
  );
  return Object.fromEntries(
    args
      .filter((_, index) => index % 2 === 1)
      .map((arg) => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)]),
  );
}

describe("the command line of Postgres", () => {
  it("carries what every member needs", () => {
    expect(settings()).toMatchObject({
      hot_standby: "on",
      wal_level: "replica",
      wal_log_hints: "on",
      fsync: "on",
      restart_after_crash: "off",
      recovery_target_timeline: "latest",
      restore_command: "",
      wal_retrieve_retry_interval: "100ms",
      wal_receiver_status_interval: "1s",
      listen_addresses: "10.0.0.1,127.0.0.1",
      allow_alter_system: "off",
      recovery_init_sync_method: "syncfs",
      wal_sender_timeout: "5s",
      wal_receiver_timeout: "5s",
      tcp_user_timeout: "10s",
    });
  });

  it("leaves out what the version or the system does not know", () => {
    expect(settings({ major: 16 })).not.toHaveProperty("allow_alter_system");
    expect(settings({ platform: "darwin" })).not.toHaveProperty("recovery_init_sync_method");
    expect(settings({ platform: "darwin" })).not.toHaveProperty("tcp_user_timeout");
  });

  it("takes the user's settings, but not for managed names", () => {
    const userSettings = {
      work_mem: "8MB",
      wal_level: "logical",
      full_page_writes: "off",
      synchronous_commit: "local",
      wal_keep_size: "0",
      Restart_After_Crash: "on",
      fsync: "off",
      hba_file: "/x",
    };
    expect(inFile(userSettings)).toEqual({ work_mem: "8MB" });
    expect(settings({ userSettings })).toMatchObject({
      wal_level: "logical",
      synchronous_commit: "on",
      wal_keep_size: "1GB",
      restart_after_crash: "off",
      fsync: "on",
      hba_file: "/run/q/hba",
    });
    for (const name of ["Restart_After_Crash", "full_page_writes", "work_mem"])
      expect(settings({ userSettings })).not.toHaveProperty(name);
  });

  it("leaves to the file what a reload can change, and there is no older value in its way", () => {
    const userSettings = { wal_sender_timeout: "7s", synchronous_commit: "remote_apply", max_connections: "200" };
    expect(inFile(userSettings)).toEqual({ wal_sender_timeout: "7s" });
    expect(settings({ userSettings })).not.toHaveProperty("wal_sender_timeout");
    expect(settings({ userSettings })).toMatchObject({ synchronous_commit: "remote_apply", max_connections: "200" });
  });

  it("never goes below what followers and the control data need", () => {
    const userSettings = { max_wal_senders: "2", max_connections: "50", max_replication_slots: "40" };
    expect(settings({ userSettings, floors: { max_connections: 200, max_worker_processes: 8 } })).toMatchObject({
      max_wal_senders: "10",
      max_replication_slots: "40",
      max_connections: "200",
      max_worker_processes: "8",
    });
  });

  it("is small for a demo and as durable as ever", () => {
    const fast = settings({ fast: true });
    expect(fast).toMatchObject({ fsync: "on", synchronous_commit: "on", shared_buffers: "32MB" });
    expect(fast).not.toHaveProperty("full_page_writes");
  });
});
