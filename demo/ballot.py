# SPDX-License-Identifier: Apache-2.0
"""What is put to the vote of the community, from its proposal to its execution."""
from chain import keccak
from village import MEMBERS


class Ballot:
    """One proposal on its way: its calls, who has voted, what it would do in words."""

    def __init__(self, v, title, calls, proposer, actions, rehearsal=None):
        self.v, self.title, self.actions, self.rehearsal = v, title, actions, rehearsal
        self.cast = {}
        self.what = ([c.address for c, *_ in calls], [0] * len(calls), [c.data(name, *args) for c, name, *args in calls])
        receipt = v.governor.send(v.key(proposer), "propose", *self.what, title)
        self.id = v.governor.events(receipt, "ProposalCreated")[0]["proposalId"]

    def vote(self, member, support):
        receipt = self.v.governor.send(self.v.key(member), "castVote", self.id, support)
        self.cast[member] = support
        return receipt["transactionHash"]

    def carry(self, step):
        """step: "queue" or "execute"."""
        return self.v.governor.send(self.v.key(MEMBERS[0]), step, *self.what, keccak(self.title.encode()))
