"""Learns the state machine of a system by asking it (Angluin; here in the form of Kearns and Vazirani), with AALpy.

Spoken over stdin and stdout, line by line. The system says two lines first: `inputs`, which are all there are, and
`proper`, a word that leads it through what it is for. Then the learner says `reset` or an input, and hears the output.
In the end it says `states NUMBER`, one line `FROM INPUT -> OUTPUT, TO` for each transition, and `end`. States are
numbered in the order in which a breadth-first search from the first finds them, so a machine has one form only.

A hypothesis is believed when it stands three tests: the proper word with one input put in or left out, or in any other
order; the partial W-method (Fujiwara and others, 1991), which is exact as long as the system has no more than `--extra`
states beyond those found; and random words from a seed.
"""

import argparse
import itertools
import random
import sys
from collections import deque

from aalpy.base import Oracle, SUL
from aalpy.learning_algs import run_KV


class Nondeterminism(Exception):
    """The system answered the same word in two ways."""


class System(SUL):
    """The system behind stdin and stdout; asked as little as possible, because all its answers are kept in a tree."""

    def __init__(self):
        super().__init__()
        self.root = {}
        self.asked = 0
        self.pre()

    def pre(self):
        self.word, self.node = [], self.root
        # How much of the word the system itself has been told; none, before it was reset for this word.
        self.told = None

    def post(self):
        pass

    def step(self, letter):
        if letter not in self.node:
            self.catch_up()
            self.node[letter] = (ask(letter), {})
            self.told += 1
        output, node = self.node[letter]
        self.word.append((letter, output))
        self.node = node
        return output

    def catch_up(self):
        """Brings the system to where the word is, and sees whether it still answers the same."""
        if self.told is None:
            self.asked += 1
            self.told = 0
            ask("reset")
        for letter, output in self.word[self.told :]:
            again = ask(letter)
            if again != output:
                word = " ".join(letter for letter, _ in self.word)
                raise Nondeterminism(f"in `{word}` the answer to {letter} was {output}, and now is {again}")
        self.told = len(self.word)


class Tests(Oracle):
    """The three tests, in order of their price."""

    def __init__(self, alphabet, system, proper, extra, walks, length, seed):
        super().__init__(alphabet, system)
        self.proper = proper
        self.extra = extra
        self.walks = walks
        self.length = length
        self.random = random.Random(seed)
        # Where any transition led to a state that is not known yet, these are likely to tell it.
        self.probes = [proper[2:], (alphabet[-1],)]

    def find_cex(self, hypothesis):
        for word in itertools.chain(self.near_misses(), self.wp_method(hypothesis), self.random_words(hypothesis)):
            counterexample = self.compare(hypothesis, word)
            if counterexample:
                return counterexample
        return None

    def compare(self, hypothesis, word):
        self.reset_hyp_and_sul(hypothesis)
        for index, letter in enumerate(word):
            if hypothesis.step(letter) != self.sul.step(letter):
                return word[: index + 1]
        return None

    def near_misses(self):
        proper = self.proper
        for at in range(len(proper) + 1):
            for letter in self.alphabet:
                yield proper[:at] + (letter,) + proper[at:]
        for at in range(len(proper)):
            yield proper[:at] + proper[at + 1 :]
        greeting, rest, last = proper[:2], proper[2:-1], proper[-1:]
        for order in itertools.permutations(rest):
            yield greeting + order + last

    def wp_method(self, hypothesis):
        suffixes = characterization(hypothesis)
        own = identification(hypothesis, suffixes)
        for state in hypothesis.states:
            for suffix in suffixes:
                yield state.prefix + suffix
        for extra in range(self.extra + 1):
            for middle in itertools.product(self.alphabet, repeat=extra + 1):
                for state in hypothesis.states:
                    for suffix in own[after(state, middle)] + self.probes:
                        yield state.prefix + middle + suffix

    def random_words(self, hypothesis):
        suffixes = characterization(hypothesis)
        for number in range(self.walks):
            if number % 2 == 0:
                middle = tuple(self.random.choice(self.alphabet) for _ in range(self.length))
                yield self.random.choice(hypothesis.states).prefix + middle + self.random.choice(suffixes)
            else:
                yield self.disorder() + self.random.choice(suffixes)

    def disorder(self):
        """The proper word after its first two letters in any order, with others between."""
        letters = list(self.proper[2:])
        self.random.shuffle(letters)
        for _ in range(self.random.randrange(4)):
            letters.insert(self.random.randrange(len(letters) + 1), self.random.choice(self.alphabet))
        return self.proper[:2] + tuple(letters)


def characterization(hypothesis):
    """Words that tell all states apart; a hypothesis of KV may have two that are one, and then no such words."""
    words = hypothesis.compute_characterization_set(raise_warning=False) if len(hypothesis.states) > 1 else None
    return [tuple(word) for word in words] if words else [()]


def identification(hypothesis, suffixes):
    """For each state as few of the words as tell it from all others."""
    outputs = {
        state: [tuple(hypothesis.compute_output_seq(state, suffix)) for suffix in suffixes] for state in hypothesis.states
    }
    own = {}
    for state in hypothesis.states:
        others, own[state] = set(hypothesis.states) - {state}, []
        while others:
            apart = [
                [other for other in others if outputs[other][index] != outputs[state][index]]
                for index in range(len(suffixes))
            ]
            best = max(range(len(suffixes)), key=lambda index: len(apart[index]))
            if not apart[best]:
                break
            own[state].append(suffixes[best])
            others -= set(apart[best])
        own[state] = own[state] or [()]
    return own


def after(state, word):
    for letter in word:
        state = state.transitions[letter]
    return state


def ask(line):
    print(line, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError("the system is gone")
    return answer.strip()


def told(name):
    word, *rest = sys.stdin.readline().split()
    assert word == name, f"expected `{name}`, heard `{word}`"
    return rest


def write(machine, alphabet):
    numbers, waiting, lines = {machine.initial_state: 0}, deque([machine.initial_state]), []
    while waiting:
        state = waiting.popleft()
        for letter in alphabet:
            target = state.transitions[letter]
            if target not in numbers:
                numbers[target] = len(numbers)
                waiting.append(target)
            lines.append(f"{numbers[state]} {letter} -> {state.output_fun[letter]}, {numbers[target]}")
    print(f"states {len(numbers)}")
    print("\n".join(lines))
    print("end", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--extra", type=int, default=0)
    parser.add_argument("--walks", type=int, default=300)
    parser.add_argument("--length", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    alphabet, proper = told("inputs"), tuple(told("proper"))
    system = System()
    tests = Tests(alphabet, system, proper, options.extra, options.walks, options.length, options.seed)
    machine = run_KV(alphabet, system, tests, "mealy", cache_and_non_det_check=False, print_level=0)
    machine.minimize()
    print(f"asked {system.asked} words in {tests.num_queries} tests", file=sys.stderr)
    write(machine, alphabet)


main()
