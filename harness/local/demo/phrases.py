"""The words around a topic: questions, openings, places and ways of not knowing; it knows nothing about composing them.

A name in braces is a blank that the conversation fills in.
"""

from __future__ import annotations

from typing import Final

PLACES: Final = (
    "a small school",
    "a town library",
    "a hospital",
    "a bakery with two shops",
    "a bank",
    "a sports club",
    "a museum",
    "a law office",
    "a water company",
    "a university",
    "a charity",
    "a factory",
)
OWNERS: Final = (
    "the person on duty",
    "the service owner",
    "the head of operations",
    "a named colleague",
    "the security team",
)
MACHINES: Final = ("servers", "laptops", "workstations", "network devices", "virtual machines", "systems")
PERIODS: Final = ("week", "month", "quarter", "half year")
SYLLABLES: Final = (
    "quo",
    "zhi",
    "wrob",
    "plim",
    "dduk",
    "ouk",
    "yth",
    "grae",
    "vox",
    "mnel",
    "tuz",
    "ipf",
    "kra",
    "sjo",
)
TICKET_LETTERS: Final = "HJKQXZ"

SYSTEM: Final = (
    "You are a careful assistant for questions about security.",
    "You help {place} to protect its {machines}.",
    "Answer clearly, and say so when you do not know.",
    "You are a helpful assistant.",
)
CONTEXT: Final = (
    "I work for {place}.",
    "We look after {count} {machines} in {place}.",
    "My manager has asked me about this.",
    "We use a program called {name} on our {machines}.",
    "I am new to this.",
    "Yesterday a colleague told me about {name}.",
    "The review is due next {period}.",
    "I am preparing a talk for {place}.",
    "Our ticket {ticket} mentions it.",
    "Please think of {name}, {count} and {ticket} as well.",
)
BREVITY: Final = (
    "Answer in one sentence.",
    "Please be brief.",
    "One sentence is enough.",
    "Keep it short.",
)

ASK_WHAT: Final = (
    "What is {topic}?",
    "What is meant by {topic}?",
    "What does the term {topic} stand for?",
    "Explain {topic}.",
    "Explain {topic} to somebody in {place}.",
    "Describe {topic} in plain words.",
    "I keep reading about {topic}. What is behind it?",
)
ASK_WHY: Final = (
    "Why should we care about {topic}?",
    "Why does everybody talk about {topic}?",
    "What is the reason for {topic}?",
    "What happens without {topic}?",
    "Convince my manager that {topic} deserves an hour.",
)
ASK_HOW: Final = (
    "How do we begin with {topic}?",
    "How do I handle {topic}?",
    "How can {place} improve in {topic}?",
    "What do you advise about {topic}?",
    "What matters most in {topic}?",
    "Which setting or habit helps with {topic}?",
    "{topic}?",
    "We have trouble with {topic}. What now?",
    "Help us with {topic} on {name}.",
    "How should we set up {topic} for {name}?",
    "How do we get {topic} right on our {machines}?",
    "Recommend something for {topic} on {count} {machines}.",
)
ASK_STEPS: Final = (
    "Give me a list of steps for {topic}.",
    "Make a checklist for {topic}.",
    "List what to do about {topic} in {place}.",
    "Which steps belong to {topic}?",
)
ASK_AVOID: Final = (
    "Which mistakes are common in {topic}?",
    "What should we avoid in {topic}?",
    "What goes wrong with {topic}?",
)
ASK_CHECK: Final = (
    "How do we know that we do well in {topic}?",
    "How can I test {topic}?",
    "How do I verify {topic} in {place}?",
    "What would you measure for {topic}?",
)
ASK_ALL: Final = (
    "Tell me everything important about {topic}.",
    "Write a note about {topic} for {place}.",
    "Write a paragraph on {topic}.",
    "Summarize {topic}.",
    "I need an overview of {topic} by the end of the {period}.",
    "Please explain {topic} in detail.",
)
ASK_UNKNOWN: Final = (
    "What do you know about {name}?",
    "Have you heard of {name}?",
    "Is {name} real?",
    "Who made {name}?",
    "Tell me about {name}.",
    "Is {ticket} a real number, and what does it mean?",
    "Which version of {name} is safe, {count} or {ticket}?",
    "When was {ticket} published?",
)
ASK_UNKNOWN_ABOUT: Final = (
    "How does {name} affect {topic}?",
    "Has {name} anything to do with {topic}?",
    "What does {name} change in {topic}?",
    "Describe {name} and its meaning for {topic}.",
    "Summarize {ticket} with regard to {topic}.",
    "Which value of {name} is right for {topic}?",
    "{name} {ticket}: {topic}",
    "Does {ticket} concern {topic} in {name} {count}?",
)

OPENING: Final = (
    "About {topic}:",
    "A few words on {topic}:",
    "In short:",
    "Here is a simple answer.",
    "Good question.",
    "It depends on the place, but the basics are the same.",
)
CLOSING: Final = (
    "Begin small, and write down what you did.",
    "If you can do only one thing today, do the first one.",
    "For a place like yours, this is enough to begin with.",
    "Ask {owner} to begin with it this {period}.",
    "This is general advice, so check it against your own rules.",
    "The details depend on your {machines}, which I cannot see.",
)
STEPS_OPENING: Final = (
    "These steps help with {topic}:",
    "Here is a short list:",
    "I would do it in this order:",
)

UNSURE: Final = (
    "I do not know that name.",
    "I have no reliable knowledge about this.",
    "I cannot confirm this from what I know.",
    "I am not sure about this one.",
    "I have not learned anything about it.",
    "I cannot tell whether this is right.",
)
HONESTY: Final = (
    "I would rather say so than guess.",
    "An answer without a source would only be an invention.",
    "A guess that sounds sure would be worse than no answer.",
    "Please do not build a decision on my memory.",
    "Names that sound alike are easily confused, so check the spelling first.",
)
SOURCE: Final = (
    "Look at the notices of the maker, and compare two sources.",
    "Ask {owner}, who knows your {machines}.",
    "A public register or the manual of the maker will tell you more.",
    "Search for it in an official list, and note the date of what you find.",
    "Write down what you know for certain, and what you have only heard.",
)
IN_GENERAL: Final = (
    "In general, this much is true.",
    "What I can give you is general advice.",
    "Some things help in any case.",
    "Still, the general rule is simple.",
)
