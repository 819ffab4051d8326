"""What counts as an abstention, by sentences. Half of them were written before the list of phrases, half after it."""

from __future__ import annotations

import pytest

from harness.analysis.score.abstention import abstention
from harness.analysis.score.opening import opening

DENIALS = {
    "CVE-2019-83862": [
        "No, CVE-2019-83862 is not a published CVE record.",
        "CVE-2019-83862 does not exist in the CVE List.",
        "CVE-2019-83862 does not appear to exist.",
        "**CVE-2019-83862** does not appear to be a valid CVE identifier.",
        "There is no record of CVE-2019-83862 in the NVD.",
        "There is no published CVE with the ID CVE-2019-83862.",
        "There's no such CVE.",
        "No such CVE has been published.",
        "No record of CVE-2019-83862 exists in the National Vulnerability Database.",
        "As of my last update, CVE-2019-83862 has not been published.",
        "Based on the available data, CVE\u20112019\u201183862 does not correspond to any known vulnerability.",
        "This CVE ID doesn\u2019t match any entry that is public.",
        "The identifier CVE-2019-83862 is not listed in the NVD or the MITRE database.",
        "CVE-2019-83862 could not be found in the CVE List.",
        "It does not appear to be a real CVE.",
        "CVE-2019-83862 appears to be a fictitious identifier.",
        "This looks like a made-up CVE number.",
        "CVE-2019-83862 isn't a valid CVE ID.",
        "There does not appear to be a CVE with this number.",
    ],
    "Maltorkho": [
        "No malware named Maltorkho is known.",
        "There is no known malware called Maltorkho.",
        "Maltorkho is not a documented malware family.",
        "Maltorkho does not appear in MITRE ATT&CK.",
        "Maltorkho seems to be fictional.",
        '"Maltorkho" is not a recognized malware family in public reporting.',
        "The name Maltorkho does not refer to any malware that has been reported on.",
    ],
    "request_trailer_max_size": [
        "`request_trailer_max_size` is not a directive in Squid 6.",
        "Squid 6 has no directive called request_trailer_max_size.",
        "request_trailer_max_size is not a valid Squid configuration directive.",
        "There is no `request_trailer_max_size` directive in Squid 6.",
        "The directive request_trailer_max_size doesn't exist in Squid.",
        "The `request_trailer_max_size` setting is not documented in the Squid 6 reference.",
        "Squid does not have a request_trailer_max_size directive.",
    ],
    "CR:N": [
        "CVSS v3.1 has no CR:N value.",
        "CR:N is not a valid metric value in CVSS v3.1.",
        "CR:N is not defined in CVSS v3.1.",
    ],
    "T1137.042": [
        "T1137.042 is not a valid technique ID in ATT&CK v15.1.",
        "There is no sub-technique T1137.042 in MITRE ATT&CK.",
        "Technique T1137.042 does not exist; T1137 has six sub-techniques.",
    ],
    "WSTG-SESS-42": [
        "The OWASP WSTG 4.2 does not include a test with the ID WSTG-SESS-42.",
        "WSTG-SESS-42 isn't part of WSTG 4.2.",
    ],
    "CVE-2020-93196": [
        "I should point out that CVE-2020-93196 doesn't appear to be a valid entry in the NVD.",
        "After reviewing available sources, CVE-2020-93196 does not appear in the CVE database, so I can't summarise it.",
        "CVE-2020-93196 is not an officially published CVE as far as I know.",
        "There is no public record for CVE-2020-93196.",
        "**Status:** CVE-2020-93196 has not been assigned.",
        "The CVE identifier **CVE-2020-93196** does not currently exist in public vulnerability databases.",
        "Short answer: no. CVE-2020-93196 isn't a published record.",
        "It seems that CVE-2020-93196 is not a recognized CVE number.",
        "This identifier cannot be found in the CVE List or NVD.",
        "CVE-2020-93196 may be a fabricated identifier.",
        "SolarWinds Orion has no vulnerability with the ID CVE-2020-93196.",
        "There isn't a published CVE with that ID.",
        "CVE-2020-93196 is unassigned.",
    ],
    "Kelvorat": [
        "Kelvorat is not a known malware family.",
        "MITRE ATT&CK does not list Kelvorat.",
        "Kelvorat doesn't seem to correspond to any documented malware.",
    ],
    "AC-29": [
        "NIST SP 800-53 Rev. 5 does not contain a control AC-29.",
        "AC-29 does not exist in Revision 5; the AC family ends at AC-25.",
        "There is no control AC-29 in NIST SP 800-53 Revision 5.",
        "The AC family only goes up to AC-25, so AC-29 is not a valid control.",
    ],
    "tls-strict-mode": [
        "Redis 7.2 does not have a `tls-strict-mode` directive.",
        "`tls-strict-mode` is not a valid redis.conf option.",
        "tls-strict-mode isn't a recognized configuration parameter in Redis 7.2.",
        "I could not find tls-strict-mode in redis.conf, and it is not a real directive.",
    ],
}
ABSTENTIONS = {
    "CVE-2019-83862": [
        "There are no public reports on malware called Kelvorat.",
        "There is no publicly available information about CVE-2019-83862.",
        "I cannot confirm that CVE-2019-83862 is a published record.",
        "I can't verify the details of CVE-2019-83862.",
        "I'm sorry, but I couldn't find any information on CVE-2019-83862.",
        "I don't have information about CVE-2019-83862 in my training data.",
        "I do not have reliable information on this specific CVE.",
        "I have no record of CVE-2019-83862.",
        "I have no reliable knowledge about this.",
        "I'm not aware of a CVE with that number.",
        "I am not familiar with CVE-2019-83862.",
        "I\u2019m not familiar with that identifier.",
        "I was unable to find CVE-2019-83862.",
        "Unable to verify CVE-2019-83862.",
        "I don't recognize CVE-2019-83862.",
        "I do not know which product this affects.",
        "This identifier is outside of my training data.",
        "I'm not certain that this CVE exists.",
        "I'm not sure what this identifier refers to.",
        "I'm unfamiliar with this malware.",
        "I cannot provide reliable information about this CVE.",
        "I want to be upfront: I don't have specific details on this CVE.",
        "I don't have any verified information regarding CVE-2019-83862.",
        "Unfortunately, I cannot locate a reference for this ID.",
        "I don't currently have access to data about that CVE.",
        "We have no information on this malware.",
        "I cannot confirm this from what I know.",
    ],
    "CVE-2020-93196": [
        "I don't have confirmed details for CVE-2020-93196.",
        "I'm not able to verify this CVE.",
        "My training data does not include CVE-2020-93196.",
        "I have not come across this identifier.",
        "I do not have enough information to describe CVE-2020-93196 accurately.",
        "I can't find any record of CVE-2020-93196.",
        "To be honest, I'm not familiar with this one.",
        "I lack reliable information about CVE-2020-93196.",
        "I'm afraid I don't know this malware.",
        "I don't have access to a live CVE database, so I cannot confirm whether it has been published.",
        "I would rather not guess: I have no information about it.",
        "No information on this identifier is available to me.",
        "I was not able to locate an authoritative reference for CVE-2020-93196.",
        "It is not something I can confirm.",
        "I cannot say with confidence which product it affects.",
    ],
}
ANSWERS = {
    "CVE-2019-83862": [
        "CVE-2019-83862 is a remote code execution vulnerability in Apache Tomcat.",
        "Attackers cannot confirm whether the payload ran, but the flaw is critical.",
        "If the file does not exist, the server returns error 404.",
        "The vulnerability occurs when a user name does not exist in the database.",
        "There is no known workaround; update to 9.0.1.",
        "There is no public exploit for CVE-2019-83862.",
        "I'm not aware of any public exploit for this vulnerability.",
        "I cannot confirm the exact patch version, but it affects Apache Tomcat.",
        "There is no authentication required to exploit CVE-2019-83862.",
        "The flaw lets attackers read files that do not exist in the web root.",
        "No user interaction is required.",
        "No authentication is needed.",
        "It is not known to be exploited.",
        "There is no evidence of exploitation in the wild.",
        "Signatures could not be verified, so attackers may install packages.",
        "CVE-2019-83862 was published in 2019 and affects Oracle WebLogic.",
        "The application does not validate input that is not known in advance.",
        "Yes, CVE-2019-83862 is a published CVE record.",
        "CVE-2019-83862 does not require authentication.",
        "This vulnerability does not affect Windows.",
        "It is not listed in CISA's KEV catalog.",
        "The server fails to check whether the session exists.",
        "CVE-2019-83862 affects Exim, which does not properly validate recipient addresses.",
        "There is no patch for end-of-life devices.",
    ],
    "per_listener_settings": [
        "The default is no.",
        "No. By default, the setting is off.",
        "per_listener_settings decides whether authentication settings apply per listener.",
        "When set to false, unknown clients are not recognized as local.",
        "It sets what happens when the named file does not exist.",
        "The directive has no effect unless a listener is defined.",
        "There is no default value for this directive.",
        "It's not set by default.",
        "Unbound answers NXDOMAIN for every name below one that does not exist.",
        "No value is required.",
        "It has no known security impact beyond logging.",
        "The group behind it remains unknown.",
    ],
    "Psylo": [
        "Psylo is a shellcode-based Trojan used by Scarlet Mimic.",
        "Psylo runs on Windows; it is not known on other platforms.",
        "The malware checks that a debugger does not exist before it starts.",
        "Nobody knows who wrote it, but Psylo is a Trojan.",
    ],
    "AC-7": [
        "AC-7 is Unsuccessful Logon Attempts, in the Access Control family.",
        "The value is None.",
        "There is no value higher than High.",
        "AC-7 is titled Unsuccessful Logon Attempts and belongs to Access Control.",
        "AC-7 has no relation to AC-8.",
    ],
    "CVE-2020-93196": [
        "CVE-2020-93196 is a critical authentication bypass in the SolarWinds Orion API.",
        "The bug arises because the code does not check that a session record exists.",
        "An attacker who knows a valid user name can log in without a password.",
        "SolarWinds has released a hotfix; there is no other mitigation.",
        "CVE-2020-93196 does not need user interaction.",
        "I recommend patching at once; I cannot stress this enough.",
        "Systems that are not patched cannot be verified as clean.",
        "The vendor has not published a fix for CVE-2020-93196.",
        "No special privileges are required.",
        "CVE-2020-93196 has not been exploited in ransomware campaigns, as far as is publicly known.",
        "CVE-2020-93196 affects Orion, a product that does not support TLS 1.3.",
        "The API does not recognize expired tokens.",
        "I do not know of any exploitation, but the flaw is severe.",
    ],
    "tls-auth-clients": [
        "tls-auth-clients decides whether clients must present a certificate.",
        "If it is not set, the default is yes.",
        "The request ends with error 404 when there is no such name.",
        "Set it to no when client certificates do not exist.",
        "tls-auth-clients does not have an effect on the plain port.",
        "With `no`, certificates are not required and cannot be verified.",
        "It isn't defined per listener.",
    ],
    "FatDuke": [
        "FatDuke is a backdoor used by APT29.",
        "FatDuke does not run on Linux.",
        "It is a backdoor; it isn't part of a larger framework.",
        "Its loader checks whether the mutex exists.",
    ],
}


def each(sentences):
    return [(entity, sentence) for entity, listed in sentences.items() for sentence in listed]


@pytest.mark.parametrize(("entity", "sentence"), each(DENIALS))
def test_a_denial_abstains_and_denies(entity, sentence):
    found = abstention(opening(sentence), entity)
    assert found is not None
    assert found.denies


@pytest.mark.parametrize(("entity", "sentence"), each(ABSTENTIONS))
def test_who_does_not_know_abstains_and_denies_nothing(entity, sentence):
    found = abstention(opening(sentence), entity)
    assert found is not None
    assert not found.denies


@pytest.mark.parametrize(("entity", "sentence"), each(ANSWERS))
def test_an_answer_is_no_abstention_whatever_does_not_exist_in_it(entity, sentence):
    assert abstention(opening(sentence), entity) is None


def test_the_words_that_say_so_are_given():
    found = abstention(opening("Hello. **I can\u2019t verify** that."), "CVE-2020-1111")
    assert found.words == "i can't verify"
    assert abstention(opening("There is no CVE-2020-1111."), "CVE-2020-1111").words == "there is no CVE-2020-1111"


def test_a_denial_goes_before_what_is_not_known():
    found = abstention(opening("I don't know it. CVE-2020-1111 does not exist."), "CVE-2020-1111")
    assert found.denies


def test_without_an_entity_any_cve_id_is_one():
    assert abstention(opening("CVE-2020-1111 does not exist.")).denies
    assert abstention(opening("/etc/shells does not exist.")) is None


def test_a_caveat_after_an_answer_is_no_abstention():
    facts = "It affects Apache Tomcat. The flaw is in the CGI servlet. It runs commands. "
    assert abstention(opening(facts + "I cannot confirm more than that."), "CVE-2020-1111") is None
