/** One entry an error that a person may meet: the manual's page of errors is made from these. */
export interface ErrorEntry {
  readonly meaning: string;
  readonly what_to_do: string;
}

export const ERROR_CODES = {
  configuration_refused: {
    meaning:
      "quorate.yaml cannot be read, or says something that is wrong or not safe. Nothing was started or changed.",
    what_to_do:
      "Each line names file, line, column and key, what is wrong, and the remedy. `quorate config check` repeats them.",
  },
  node_not_selected: {
    meaning: "It is not clear which node of the configuration this host is, or the one that was named does not exist.",
    what_to_do: "Name it with --node or QUORATE_NODE, or correct `host` in the configuration.",
  },
  command_not_yet: {
    meaning: "The command belongs to a later version. It is refused rather than ignored.",
    what_to_do: "The message says what does the job until then.",
  },
  state_torn: {
    meaning: "The state file is cut off or fails its checksum. A promise may have stood in it, so it is not replaced.",
    what_to_do:
      "Restore the state directory as it was at last. If it is lost for good, remove the node's whole data_dir while the others are healthy; the node then is a stranger under an old name.",
  },
  state_foreign: {
    meaning: "The state file was written for another cluster or another node.",
    what_to_do:
      "Correct data_dir, the cluster's name or --node. If the directory is left over from another cluster, move it away.",
  },
  state_newer_format: {
    meaning: "The state file was written by a newer Quorate, whose promises this one cannot read.",
    what_to_do: "Install that version again; downgrades across a format are not possible.",
  },
  state_unreadable: {
    meaning: "The state file cannot be opened, or is whole but says nothing that this Quorate understands.",
    what_to_do: "Make it readable for the user that Quorate runs as, or install the version that wrote it.",
  },
  state_directory_locked: {
    meaning: "Another sidecar runs on the same state directory: two would break one node's promises.",
    what_to_do: "Stop the one whose pid is named, or correct data_dir or --node.",
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = keyof typeof ERROR_CODES;
