"""The phrases by which an answer abstains, as regular expressions in three lists. English only; decides nothing.

They are matched against one sentence of an answer, in lower case, with straight quotes and without emphasis; what was
asked about stands in it as `@entity`. To add a phrase, add a line here and sentences for and against it to the tests.
"""

from __future__ import annotations

ENTITY = "@entity"

_I = r"\b(?:i|we)(?:'m| am|'re| are|'ve| have| was| were)?(?: (?:personally|currently|also|honestly|simply|really))?"
_DO_NOT = r"(?: do not| don't| did not| didn't)(?: (?!have|possess)\w+)?"
_UNABLE = (
    r"(?: cannot| can't| can not| could not| couldn't| unable to| not able to| not been able to| haven't been able to)"
    r"(?: \w+ly)?"
)
_FIND = r"(?:confirm|verify|find|locate|identify|corroborate|substantiate|validate|recogni[sz]e)"
_NOT = r"(?:does not|doesn't|do not|don't|did not|didn't)"
_IS_NOT = r"(?:is not|isn't|was not|wasn't|has not been|hasn't been)(?: \w+ly)?"
_KNOWLEDGE = (
    r"(?:information|knowledge|details?|data|records?|reports?|references?|recollection|memory|entry|entries|"
    r"documentation)"
)
_KIND = (
    r"(?:cves?|vulnerability|id|identifier|entry|record|malware|family|trojan|tool|threat|name|directive|option|setting|"
    r"parameter|keyword|technique|sub-technique|tactic|control|test|metric|vector|value|term|product|entity)"
)
_REAL = (
    r"(?:real|valid|known|published|public|recogni[sz]ed|documented|official|existing|assigned|legitimate|genuine|actual|"
    r"defined|standard|listed|registered)"
)
_NAMED = (
    rf"(?: (?:{ENTITY}|named|called|known as|by (?:that|this|the)|with (?:that|this|the)|matching|"
    r"for (?:this|that) (?:id|identifier|number|name|cve))\b)"
)
# Words between "no" and its noun, none of which begins a phrase of its own.
_WORDS = r"(?:(?!(?:for|to|against|about|of|on|in|regarding|concerning) )[\w.-]+ )"
_END = r"(?=[.!?]?\"?$)"

_PLACE = rf"(?:{_REAL}|{_KIND}|database|catalogue?|list|nvd|documentation|manual|att&ck|reference)"
_UNREAL = r"(?:fictitious|fictional|made[- ]up|invented|non-?existent|hypothetical|fabricated|placeholder)"
_TRACE = r"(?:records?|entry|entries|references?|mention|trace|evidence)"
_NEWS = r"(?:information|details?|data|reports?|documentation|knowledge)"
_LACKS = rf"\b(?:has no|have no|{_NOT} (?:have|include|contain|define|list|support|offer)(?: an?| any| the)?)"
_THERE_IS = (
    r"\bthere(?: is|'s| are| was| were| exists| isn't| aren't| is not| does not appear to be| doesn't appear to be|"
    r" appears to be| seems to be)(?: currently)?"
)

SPEAKER = (
    # I cannot confirm; we were unable to find; I haven't been able to verify
    rf"{_I}{_UNABLE} {_FIND}\b",
    # I cannot provide reliable information
    rf"{_I}{_UNABLE} (?:provide|give|offer|share)(?: [\w-]+){{0,5}}? {_KNOWLEDGE}\b",
    # I don't have any specific information; I do not possess records
    rf"{_I}(?: do not| don't| did not| didn't)(?: \w+)? (?:have|possess)(?: [\w-]+){{0,4}}? {_KNOWLEDGE}\b",
    # I have no record; we have no reliable knowledge
    rf"{_I}(?: have)? no(?: [\w-]+){{0,3}}? {_KNOWLEDGE}\b",
    # I do not know; I don't recognize; I don't recall
    rf"{_I}{_DO_NOT} (?:know|recogni[sz]e|recall)\b",
    # I have not heard of; I lack reliable information; I cannot say which; it is not something I can confirm
    rf"{_I} (?:not|never) (?:heard of|come across|encountered|seen)\b",
    rf"{_I} lack(?: [\w-]+){{0,3}}? {_KNOWLEDGE}\b",
    rf"{_I}{_UNABLE} (?:say|tell|determine) (?:with|for|what|which|whether|if|who|how)\b",
    rf"\bnot something (?:that )?i can {_FIND}\b",
    # I'm not aware of; I am unfamiliar with
    rf"{_I} (?:not (?:\w+ )?|un)(?:aware of|familiar with)\b",
    # I'm not sure whether; I am not certain that
    rf"{_I} (?:not (?:\w+ )?|un)(?:sure|certain) (?:that|whether|if|what|which|about)\b",
    # there is no public information about; no details about: of what exists too little may be known as well
    rf"{_THERE_IS} no (?:[\w-]+ ){{0,3}}?{_NEWS}(?: (?:of|about|on|for|regarding)\b|{_END})",
    rf"^no (?:[\w-]+ ){{0,2}}?{_NEWS} (?:of|about|on|for|regarding|is|was|exists?)\b",
    # Unable to verify CVE-…
    rf"^(?:unable to|cannot|can't|could not|couldn't) {_FIND}\b",
    # outside of my training data; not in my knowledge; my training data does not include
    r"\b(?:outside|beyond|not (?:\w+ )?in|nothing in) (?:of )?my (?:training|knowledge|records|data|sources)\b",
    rf"\bmy (?:training |own )?(?:data|knowledge(?: base)?|records|sources) {_NOT} (?:include|contain|cover|have)\b",
)
"""Somebody speaks of what he knows. No abstention where a detail follows: see `DETAIL`."""

DENIAL = (
    # does not exist; doesn't seem to exist
    rf"\b{_NOT}(?: \w+ly)?(?: (?:appear|seem) to)? exist\b",
    # does not correspond to any; does not match any; doesn't refer to a
    rf"\b{_NOT}(?: \w+ly)?(?: (?:appear|seem) to)? (?:correspond to|refer to|map to|match|match with) (?:any|an?)\b",
    # does not appear to be a real; does not appear in ATT&CK
    rf"\b{_NOT} (?:appear|seem) (?:to (?:be|have been)|in|as|among)(?: [\w&'-]+){{0,4}}? {_PLACE}\b",
    # is not a valid CVE identifier; isn't an official Squid directive
    rf"\b{_IS_NOT} (?:an?|any|one of the)(?: [\w&.-]+){{0,3}}? {_REAL}(?: [\w&.-]+){{0,4}}? {_KIND}s?\b",
    # is not a directive in Squid; is not a technique of ATT&CK
    rf"\b{_IS_NOT} (?:an?|any|one of the)(?: [\w&.-]+){{0,3}}? {_KIND}s?(?: (?:in|of|from|that exists|i)\b|{_END})",
    # is not part of WSTG 4.2
    rf"\b{_IS_NOT} part of\b(?! an?\b)",
    # is unassigned
    r"\b(?:is|remains)(?: \w+ly)? un(?:assigned|published|documented|registered)\b",
    # is not documented; has not been published; but: is not known to be exploited, is not defined per listener
    rf"\b{_IS_NOT} {_REAL}\b(?! (?:to|as|how|why|by default|on|for|per|whether|until)\b)",
    # could not be found; cannot be verified
    r"\b(?:could not|couldn't|cannot|can't|can not) be (?:\w+ly )?(?:found|verified|confirmed|located|identified)\b",
    # appears to be fictitious; looks like a made-up CVE
    rf"\b(?:is|appears?|seems?|looks|may be|might be)(?: to be| like)?(?: \w+ly)?(?: an?)?(?: \w+)? {_UNREAL}\b",
)
"""Something is said not to exist. Counts where it is about what was asked."""

ABSENCE = (
    # there is no such; there does not appear to be any directive with this name
    rf"{_THERE_IS}(?: no| an?| any) (?:such\b|{_WORDS}{{0,3}}?(?:{ENTITY}|{_KIND}s?(?:{_NAMED}|{_END})))",
    # there is no record of
    rf"{_THERE_IS} no (?:[\w-]+ ){{0,3}}?{_TRACE}(?: (?:of|about|on|for|regarding|that|in)\b|{_END})",
    # No such CVE
    r"^(?:no[,:.] )?no such\b",
    # No malware named; no CVE with this
    rf"^(?:no[,:.] )?no (?:[\w-]+ ){{0,3}}?{_KIND}s?{_NAMED}",
    # No record of
    rf"^(?:no[,:.] )?no (?:[\w-]+ ){{0,2}}?{_TRACE} (?:of|about|on|for|regarding|is|was|exists?)\b",
    # Squid has no directive called; Squid does not have such a directive
    rf"{_LACKS} such an? {_KIND}\b",
    rf"{_LACKS} {_WORDS}{{0,4}}?{_KIND} (?:named|called|by that|with (?:that|this|the) (?:id|name|identifier))\b",
    # WSTG does not include a test with the ID WSTG-SESS-42
    rf"{_LACKS} {_WORDS}{{0,4}}?{ENTITY}",
)
"""Nothing of a kind is said to be there; the phrase itself says what."""

DETAIL = (
    r"\W+(?:(?!but\b|so\b|because\b|since\b|and\b)[\w@'-]+\W+){0,4}?(?:exact|exactly|precise|exploit\w*|patch\w*|fix|fixes|"
    r"workarounds?|mitigations?|poc|proof|incidents?|ransomware|attacks?|attackers?|campaigns?|scores?|severity|builds?|"
    r"dates?|in the wild|authentication|interaction|kev|known exploited)\b"
)
"""What follows a phrase where it is about a detail: "I'm not aware of any public exploit" knows the vulnerability."""

CONDITION = r"\b(?:if|when|whenever|unless|where|whether|in case|until|once)\b[^,;:]*$"
"""What stands before a phrase where it tells of a case: "if the file does not exist"."""

OWN = r"\bmy (?:training|own|data|knowledge|records|sources)\b"
"""What stands before a phrase where it tells of the model and not of the world."""

REFERENCE = rf"{ENTITY}|\b(?:this|that|such an?|the)(?: [\w&.-]+){{0,3}}? {_KIND}\b"
"""What was asked about, or words that point at it."""
PRONOUN = r"(?:\b(?:it|this)|^that)(?: also| \w+ly)? $"
CLAUSE = r"\b(?:that|which|who|whether|if|when|where)\b(?! you\b)"
"""Opens a clause about something else."""
