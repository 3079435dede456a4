import { CONNECT_PATIENTLY_MS, connect, hangUp, type Place } from "../src/demo/client.js";

const STATEMENT = {
  name: "commit",
  text: "insert into public.bench_commit (client, n, filler) values ($1, $2, 'sixty bytes of something, so that a row is no toy row at all')",
};

const WARM_UP_MS = 300;

/** Makes the table anew: both clusters begin each run of the bench with the same empty one. */
export async function prepareLoad(place: Place): Promise<void> {
  const client = await connect(place, CONNECT_PATIENTLY_MS);
  try {
    await client.query("create table public.bench_commit (client int, n bigint, filler text)");
  } finally {
    hangUp(client);
  }
}

/** Commits a second of so many clients, each with one insert a transaction, one after the other. */
export async function measureCommits(
  place: Place,
  clients: number,
  measureMs: number,
  signal: AbortSignal,
): Promise<number> {
  const connections = await Promise.all(Array.from({ length: clients }, () => connect(place, CONNECT_PATIENTLY_MS)));
  try {
    const from = performance.now() + WARM_UP_MS;
    const to = from + measureMs;
    let commits = 0;
    const loop = async (connection: (typeof connections)[number], client: number) => {
      for (let n = 0; performance.now() < to; n++) {
        signal.throwIfAborted();
        await connection.query({ ...STATEMENT, values: [client, n] });
        const now = performance.now();
        if (now >= from && now < to) commits++;
      }
    };
    await Promise.all(connections.map(loop));
    return commits / (measureMs / 1000);
  } finally {
    for (const connection of connections) hangUp(connection);
  }
}
