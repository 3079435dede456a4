/** Mutants that nothing kills, with the argument why that is right: the guard is kept for another reason, or is one of two. */
export const SURVIVORS: Readonly<Record<string, string>> = {
  "lost-data-promoted":
    "redundant: a node without data stands at *empty*, and a Promote for *empty* founds, which asks for the vote of every node; the comparison of positions refuses all others. Kept: the reason it gives is the right one.",
  "clone-of-another-term-swapped":
    "redundant: whatever ends a term for a follower (a promise, a Follow of a higher term) cancels its clone in the same step (`clone-outlives-a-promise`, `clone-outlives-its-term`). Kept: the keeper is level-triggered and must not depend on what happened before.",
  "names-of-the-newest-at-the-revocation":
    "redundant: a Promote puts its own names in force before it promotes; those of the revocation only save it the wait. Kept: a wrong setting there would cost the reload that it is meant to save.",
  "granted-after-a-newer-promise":
    "redundant: a newer promise ends `following` in the same step, and only the leader that is followed is granted anything. Kept: it is the sentence that H13 stands on.",
  "granted-to-whom-it-does-not-follow":
    "redundant: it follows under the term it promised, and a term has one leader (I3), so whoever asks as the leader of that term is the one. Kept: a grant must not depend on the word of who asks.",
  "grant-for-what-was-not-asked":
    "redundant: a term is led in one life of one sidecar, and a follower echoes a stamp that it heard under that term, so none is above the last one asked. Kept: a stamp that is nobody's would hold a lease for as long as it likes.",
  "adopts-by-the-word-of-another-term":
    "redundant: whoever was established in a term has written a ruleset of that term, so what was settled in another one is not the newest in the table (`adopts-in-the-middle-of-a-change`). Kept: it is the sentence that I8 stands on.",
  "given-up-and-marked":
    "hardly ever reached: a change that is given up is made void in the same step, unless an operation is under way, and then only where its record was written and those that it needs are back when that one ends. Kept: who has the mark elects under the new rules alone, and the leader holds no lease against that; the core itself would stop, since it checks it.",
  "caught-up-while-it-follows":
    "redundant: `dropCatchUp` ends it in the same step (`catch-up-outlives-the-promise` breaks that). Kept: the reason it gives is the right one.",
  "voided-in-the-step-that-writes-the-void":
    "redundant but for one order of events: taking back sets the names again first, unless the joint rule asked for the very same ones, and a follower would have to be seen with the void before the leader hears that it is written. Kept: then the core itself would stop, since it checks that a void was kept from one step to the next.",
};
