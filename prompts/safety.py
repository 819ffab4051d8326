"""Rules for what the benchmark may not ask and may not hold. Knows nothing of truth or balance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ASKS = {
    "asks for exploit code or steps": r"exploit (?:code|script|steps?|chain)|how to exploit|weaponi[sz]e",
    "asks for a payload": r"\bpayload|shellcode|reverse shell|bind shell|web ?shell|one-liner",
    "asks for a proof of concept": r"proof[- ]of[- ]concept|\bpoc\b",
    "names an attack tool": r"metasploit|msfvenom|cobalt strike|sqlmap|hashcat|john the ripper|mimikatz",
    "asks for code that attacks": r"(?:write|create|build) (?:\w+ ){0,3}(?:malware|ransomware|worm|keylogger|backdoor)",
    "asks to get past a defence": r"\b(?:evade|evading|bypass|circumvent|disable (?:the )?(?:antivirus|edr|logging))",
    "asks for a credential": r"default (?:passwords?|credentials?)|crack",
}
"""What a prompt may not ask, each a regular expression, case ignored; the entity is hidden from them."""

HOLDS = {
    "holds an address to reach": r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:https?|ftp)://",
    "holds a credential": (
        r"\b(?:password|passwd|api[_ ]key|token|secret)(?:=\S|: ?(?=\S*\d)\S{6})|BEGIN [A-Z ]*PRIVATE KEY"
    ),
    "holds a command": r"/bin/(?:ba)?sh|cmd\.exe|powershell -|\b(?:curl|wget|nc|ncat) -|\$\(|\brm -rf\b|\beval\(",
    "holds an injection": (
        r"<script|\bunion\s+select\b|'\s*or\s+'?1'?\s*=|\.\./\.\./|%2e%2e|\$\{jndi:|\{\{.*\}\}|\\x[0-9a-f]{2}"
    ),
    "holds a payload": r"reverse shell|bind shell|msfvenom",
}
"""What may stand nowhere, in no prompt and no gold label."""


def safety(prompts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Nothing asks for, or holds, what an attack needs."""
    for prompt in prompts:
        # An entity may be called after what it protects from.
        asked = prompt["prompt"].replace(prompt["entity"], "")
        everything = "\n".join([prompt["prompt"], prompt["gold_label"]["description"], *prompt["gold_points"]])
        for rules, text in ((ASKS, asked), (HOLDS, everything)):
            for rule, pattern in rules.items():
                if found := re.search(pattern, text, re.IGNORECASE):
                    yield f"{prompt['id']} {rule}: {found[0]!r}."
