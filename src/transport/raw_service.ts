import type { MethodDefinition } from "@grpc/grpc-js";
import { AdminService } from "./gen/quorate/v1/admin.js";
import { ConsensusService } from "./gen/quorate/v1/consensus.js";

/**
 * The generated services with bytes on both sides. gRPC would turn junk into an INTERNAL error of its own;
 * here it reaches our codecs, which refuse it with a sentence.
 */
export type RawMethod = MethodDefinition<Buffer, Buffer>;

interface GeneratedMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

function raw({ path, requestStream, responseStream }: GeneratedMethod): RawMethod {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

export const RAW_CONSENSUS = {
  recruit: raw(ConsensusService.recruit),
  promote: raw(ConsensusService.promote),
  catchUp: raw(ConsensusService.catchUp),
  follow: raw(ConsensusService.follow),
  watch: raw(ConsensusService.watch),
};

export const RAW_ADMIN = {
  status: raw(AdminService.status),
  history: raw(AdminService.history),
  switchover: raw(AdminService.switchover),
  failover: raw(AdminService.failover),
  restart: raw(AdminService.restart),
  setPause: raw(AdminService.setPause),
  changeCohort: raw(AdminService.changeCohort),
};
