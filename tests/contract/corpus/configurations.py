"""C60 to C71: configuration files, good and bad, and what is said of each.

Most are files in `configs`; `{here}` stands for the directory of the file.
"""

from collections.abc import Mapping
from pathlib import Path

from trunkline.simulator.upgrade import PATH

CORPUS = Path(__file__).parent / "configs"
CANARY = "canary-5d1f"  # what every secret holds, and what is written where none belongs
URL = f"wss://events.example{PATH}"

VAULT = """import attrs
from trunkline import PluginInfo, hookimpl
from trunkline.config import Secret

@attrs.frozen
class Settings:
    key: Secret
    depth: int = 1

trunkline_plugin = PluginInfo(config=Settings)

@hookimpl
def trunkline_register_topics(topics):
    topics.add("vault")
"""
PRIVACY = """def consent(subject):
    return True


def scrub(event):
    return event
"""
BARE = """from trunkline import hookimpl

@hookimpl
def trunkline_register_topics(topics):
    topics.add("bare")
"""
#: What lies beside each file: {name: (mode, content)}
BESIDE: Mapping[str, tuple[int, bytes]] = {
    "vault.py": (0o600, VAULT.encode()),
    "bare.py": (0o600, BARE.encode()),
    "privacy.py": (0o600, PRIVACY.encode()),
    "token": (0o600, f"{CANARY}\n".encode()),
    "token-0644": (0o644, f"{CANARY}\n".encode()),
    "token-empty": (0o600, b" \n"),
    "token-binary": (0o600, CANARY.encode() + b"\xff\xfe"),
    "token-not-ascii": (0o600, f"{CANARY}-\u00fc".encode()),
    "token-of-two-lines": (0o600, f"{CANARY}\n{CANARY}\n".encode()),
}
#: What git or an editor would spoil, and what is too large to keep; None: there is no such file.
MADE: Mapping[str, bytes | None] = {
    "00-line-ends-of-windows": f'[connection]\r\nurl = "{URL}"\r\n'.encode(),
    "60-missing": None,
    "60-empty": b"",
    "61-not-utf8": b'[connection]\nurl = "wss://h/\xe9"\n',
    "61-utf16": '[connection]\nurl = "wss://h/"\n'.encode("utf-16"),
    "61-nul": b'[connection]\nurl = "wss://h/"\n\0',
    "61-byte-order-mark": b'\xef\xbb\xbf[connection]\nurl = "wss://h/"\n',
    "62-two-mib": b'[connection]\nurl = "wss://h/"\n' + b"#" * 2**21,
    "62-deep-nesting": b"x = " + b"[" * 10_000 + b"]" * 10_000,
    "62-endless-digits": b"x = 1" + b"0" * 5_000,
}

#: Exit 0: {file: (where it connects to, its warnings)}; without a URL it is not run.
GOOD: Mapping[str, tuple[str, list[str]]] = {
    "00-anonymous": (URL, []),
    "00-door": ("", []),  # a port that somebody may have
    "00-every-setting": (f"wss://events.example:8443{PATH}", []),
    "00-filters": (URL, ["filter `filter.3` is for topic `noise`, which nobody owns"]),
    "00-inline-tables": (URL, []),
    "00-line-ends-of-windows": (URL, []),
    "00-outbox": (URL, []),
    "00-order-misspelt": (
        URL,
        ["[plugins] order names `vault.nothing`, which is no filter or classifier here"],
    ),
    "00-plugin-table-of-a-disabled-one": (
        URL,
        ["[plugin.activity] is not checked: the plugin is not loaded"],
    ),
    "00-plugin-table-of-nobody": (
        URL,
        [
            "[plugin.activty] is not checked: the plugin is not loaded; did you mean `activity`?",
            "[plugin.xyzzy] is not checked: the plugin is not loaded",
        ],
    ),
    "00-plugin-without-its-table": (
        URL,
        [
            "plugin vault ({here}/vault.py) failed to configure: 00-plugin-without-its-table.toml:1"
            " plugin.vault.key: this key is required; skipped. Off: --disable vault."
        ],
    ),
    "00-sinks": (URL, []),
    "00-webhooks": (URL, []),
    "00-smallest-and-largest": (URL, []),
    "00-two-lines": (f"ws://127.0.0.1:1{PATH}", []),
    "65-pair-token-over-ws-allowed": (
        f"ws://events.example{PATH}",
        [f"the token travels unencrypted to ws://events.example{PATH}; use wss://"],
    ),
    "66-url-ipv6": (f"wss://[2001:db8::1]:8443{PATH}", []),
    "68-url-idn-host": (f"wss://xn--bcher-kva.example{PATH}", []),
    "68-url-path-not-ascii": ("wss://events.example/%C3%BCber/a%2Fb?q=%C3%A4", []),
    "70-token-file-not-ascii": (URL, []),
    "70-token-file-others-can-read": (
        URL,
        ["the secret in {here}/token-0644 can be read by others; chmod 600 it"],
    ),
    "70-token-file-with-newline": (URL, []),
}

#: Exit 78, word by word.
SAID = """
60-empty.toml:1 connection.url: this key is required
{here}/60-missing.toml: cannot be read: No such file or directory
61-byte-order-mark.toml:1: starts with a byte order mark; remove it
61-not-utf8.toml:2: is not UTF-8
61-nul.toml:3: Invalid statement
61-utf16.toml:1: is not UTF-8
62-deep-nesting.toml: is nested too deeply
62-endless-digits.toml: holds a number with too many digits
62-not-toml.toml:3: Expected '=' after a key in a key/value pair
62-repeated-key.toml:3: this key is here for the second time
62-repeated-table.toml:5: Cannot declare ('host',) twice
{here}/62-two-mib.toml: is larger than 1048576 bytes
62-unfinished.toml:3: Invalid value
63-one-bracket-for-a-filter.toml:3 filter: write [[filter]], with two brackets
63-plugin-table-among-plugins.toml:4 plugins.activity: a plugin's own table is [plugin.activity]
63-settings-for-a-plugin-without.toml:5 plugin.bare: this plugin has no settings
63-unknown-at-the-top.toml:1 url: unknown key; known: connection, host, plugins, activity, filter, plugin
63-unknown-in-a-filter.toml:11 filter[1].were: unknown key (did you mean `where`?)
63-unknown-in-a-plugin.toml:5 plugin.activity.upstrem: unknown key (did you mean `upstream`?)
63-unknown-in-a-sink.toml:10 plugin.activity.sinks[1].fsink: unknown key (did you mean `fsync`?)
63-unknown-key.toml:3 connection.conect_timeout: unknown key (did you mean `connect_timeout`?)
63-unknown-kind-of-sink.toml:4 plugin.activity.sinks[0]: expected `kind` to be one of console, jsonl, postgresql, sqlite, webhook (did you mean `jsonl`?)
63-unknown-table.toml:1 conection: unknown key (did you mean `connection`?)
63-unknown-table.toml:1 connection.url: this key is required
64-hook-missing.toml:5 activity.consent: privacy:nothing: AttributeError: module 'privacy' has no attribute 'nothing'
64-hook-missing.toml:6 activity.before_send: nowhere.at.all:scrub: ModuleNotFoundError: No module named 'nowhere'
64-date.toml:3 connection.connect_timeout: expected number of seconds, got a date
64-fraction-of-a-byte.toml:3 connection.max_message_bytes: expected number of bytes, got 4096.5
64-number-for-url.toml:2 connection.url: expected a URL, got a number
64-plugin-wrong-type.toml:4 plugin.activity.upstream: expected true or false, got "no"
64-plugin-wrong-type.toml:5 plugin.activity.sinks: expected a list, got a table
64-text-for-list.toml:3 connection.topics: expected a list, got a string
64-topics-that-are-none.toml:3 connection.topics[1]: expected topic (1 to 128 of A-Z a-z 0-9 _ . : -, a letter or digit first), got "not fine"
64-topics-that-are-none.toml:3 connection.topics[2]: expected topic (1 to 128 of A-Z a-z 0-9 _ . : -, a letter or digit first), got 7
64-true-for-seconds.toml:3 connection.connect_timeout: expected number of seconds, got true
64-value-for-a-plugin.toml:1 plugin.activity: write a table, [plugin.activity]
64-value-for-table.toml:1 connection: expected a table, got a string
64-word-for-seconds.toml:8 host.start_timeout: expected number of seconds, got "soon"
64-word-for-true.toml:3 connection.fast_lane: expected true or false, got "false"
65-all-at-once.toml:29 conection: unknown key (did you mean `connection`?)
65-all-at-once.toml:14 plugins.activity: a plugin's own table is [plugin.activity]
65-all-at-once.toml:2 connection.url: a URL starts with ws:// or wss://; instead of https:// write wss://
65-all-at-once.toml:3 connection.token: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
65-all-at-once.toml:4 connection.topics[1]: expected topic (1 to 128 of A-Z a-z 0-9 _ . : -, a letter or digit first), got "not fine"
65-all-at-once.toml:5 connection.conect_timeout: unknown key (did you mean `connect_timeout`?)
65-all-at-once.toml:8 host.start_timeout: expected number of seconds from 0.1 to 3600, got -1
65-all-at-once.toml:9 host.http: expected loopback address and port, such as 127.0.0.1:9469, got "0.0.0.0:9469"
65-all-at-once.toml:12 plugins.disabel: unknown key (did you mean `disable`?)
65-all-at-once.toml:18 activity.enabled: expected true or false, got 1
65-all-at-once.toml:26 filter[1].action: expected one of drop, redact, sample (did you mean `drop`?), got "drp"
65-all-at-once.toml:27 filter[1].where: payload.n: no operator 'gte'; did you mean 'gt'?
65-all-plugins-at-once.toml:6 plugins.paths[1]: there is no file or directory {here}/nowhere.py
65-all-plugins-at-once.toml:5 plugins.disable[0]: no plugin or distribution `aproval`; did you mean `approval`?
65-all-plugins-at-once.toml:10 plugin.activity.sinks[0]: expected `kind` to be one of console, jsonl, postgresql, sqlite, webhook (did you mean `jsonl`?)
65-all-plugins-at-once.toml:9 plugin.activity.upstrem: unknown key (did you mean `upstream`?)
65-all-plugins-at-once.toml:12 plugin.bare: this plugin has no settings
65-all-plugins-at-once.toml:16 plugin.vault.key: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
65-all-tables-at-once.toml:3 connection.connect_timeout: expected number of seconds, got "soon"
65-all-tables-at-once.toml:6 plugins.disable[0]: no plugin or distribution `flwo`; did you mean `flow`?
65-all-tables-at-once.toml:9 plugin.activity.upstrem: unknown key (did you mean `upstream`?)
65-door-open-to-all.toml:4 host.http: expected loopback address and port, such as 127.0.0.1:9469, got "0.0.0.0:9469"
65-far-too-long.toml:3 connection.connect_timeout: expected number of seconds from 0.1 to 3600, got 1000000000.0
65-infinite.toml:3 connection.connect_timeout: expected number of seconds from 0.1 to 3600, got inf
65-nan.toml:3 connection.connect_timeout: expected number of seconds from 0.1 to 3600, got nan
65-negative.toml:3 connection.backoff_max: expected number of seconds from 0.2 to 3600, got -1
65-pair-ca-file-without-tls.toml:3 connection.ca_file: `ca_file` goes with wss://, but `url` says ws://
65-pair-drop-with-keys.toml:6 filter[0].keys: `keys` goes with `redact`, not with `drop`
65-pair-drop-with-keys.toml:7 filter[0].keep: `keep` goes with `sample`, not with `drop`
65-pair-filter-of-system.toml:4 filter[0].topic: no filter sees `system`, what the host itself announces
65-pair-filter-unreached.toml:7 filter[1]: is never reached: filter[0] drops all of `audit`; give that one a `where`, or remove one of the two
65-pair-filter-unreached.toml:16 filter[3]: is never reached: filter[2] drops every event; give that one a `where`, or remove one of the two
65-plugins-and-a-plugin.toml:5 plugins.disabel: unknown key (did you mean `disable`?)
65-plugins-and-a-plugin.toml:12 plugin.activity.upstrem: unknown key (did you mean `upstream`?)
65-redact-no-path.toml:6 filter[0].keys[1]: expected dotted path such as payload.status, got "payload..ip"
65-pair-redact-nothing.toml:3 filter[0].keys: `redact` needs the keys to redact
65-pair-token-over-ws.toml:2 connection.url: a token does not travel over ws:// to another machine; use wss://, or set `allow_insecure_token` to true
65-pair-two-sinks-of-one-name.toml:4 plugin.activity.sinks: two sinks are called `console`; give one a `name` of its own
65-postgresql.toml:6 plugin.activity.sinks[0].dsn: no password in the file: write dsn = { env = "NAME" }, or use ~/.pgpass
65-postgresql.toml:6 plugin.activity.sinks[1].dsn: expected where the database is, such as "host=db dbname=events"
65-postgresql.toml:6 plugin.activity.sinks[2].topic: unknown key (did you mean `topics`?)
65-share-above-one.toml:6 filter[0].keep: expected number from 0 to 1, got 2
65-webhooks.toml:6 plugin.activity.sinks[0].url: expected https://; plain http:// goes to this machine only
65-webhooks.toml:6 plugin.activity.sinks[1].secret: expected `whsec_` and 24 to 64 random bytes in base64
65-webhooks.toml:6 plugin.activity.sinks[2]: a `secret` is missing: by the signature a receiver knows who sends
65-webhooks.toml:6 plugin.activity.sinks[3].secret: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
65-webhooks.toml:6 plugin.activity.sinks[4].url: expected a string, or, where it is a secret, { env = "NAME" } or { file = "path" }, got a number
66-url-http.toml:2 connection.url: a URL starts with ws:// or wss://; instead of http:// write ws://
66-url-with-fragment.toml:2 connection.url: no fragment (#...) in a WebSocket URL (RFC 6455 §3)
66-url-without-host.toml:2 connection.url: the URL names no host
66-url-without-scheme.toml:2 connection.url: a URL starts with ws:// or wss://
67-url-with-blank.toml:2 connection.url: a URL has no blanks, no control characters and no line ends
67-url-with-newline.toml:2 connection.url: a URL has no blanks, no control characters and no line ends
67-url-with-token.toml:2 connection.url: no token in a URL, where logs would show it; put it into `token`
67-url-with-user-info.toml:2 connection.url: no user or password in a URL; put the token into `token`
68-url-half-encoded.toml:2 connection.url: a % in a URL is followed by two hexadecimal digits; write %25 for %
68-url-host-that-changes.toml:2 connection.url: write the URL's host in its ASCII form (xn--...)
68-url-port-0.toml:2 connection.url: the URL's port is a number from 1 to 65535
68-url-port-99999.toml:2 connection.url: the URL's port is a number from 1 to 65535
69-secret-of-a-plugin-in-the-file.toml:6 plugin.vault.key: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
69-token-as-a-name.toml:3 connection.token: `env` takes the name of an environment variable
69-token-file-binary.toml:3 connection.token: the file token-binary holds no text
69-token-file-empty.toml:3 connection.token: the file token-empty is empty
69-token-file-is-a-directory.toml:3 connection.token: the file . cannot be read: Is a directory
69-token-file-missing.toml:3 connection.token: the file no-such-file cannot be read: No such file or directory
69-token-file-of-two-lines.toml:3 connection.token: the file token-of-two-lines holds more than one line, or control characters
69-token-in-a-list.toml:3 connection.token: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
69-token-in-the-file.toml:3 connection.token: expected { env = "NAME" } or { file = "path" }; a secret is never written into the file
69-token-of-two-sources.toml:3 connection.token: expected { env = "NAME" } or { file = "path" }
71-variable-empty.toml:3 connection.token: the environment variable EMPTY is not set, or empty
71-variable-unset.toml:3 connection.token: the environment variable UNSET is not set, or empty
71-where-far-operator.toml:6 filter[0].where: payload.name: no operator 'matches'; one of ne, gt, ge, lt, le, prefix
71-where-near-operator.toml:6 filter[0].where: payload.n: no operator 'gte'; did you mean 'gt'?
71-where-no-path.toml:6 filter[0].where: 'payload..n' is not a dotted path such as `payload.status`
71-where-nothing.toml:6 filter[0].where: type: an empty collection; nothing would ever match
72-disabled-misspelt.toml:4 plugins.disable[1]: no plugin or distribution `flwo`; did you mean `flow`?
72-enabled-misspelt.toml:4 plugins.enable[0]: no plugin or distribution `valt`; did you mean `vault`?
72-path-without-plugin.toml:4 plugins.paths[0]: there is no file or directory {here}/nowhere
72-path-without-plugin.toml:4 plugins.paths[1]: {here}/token is neither a .py file nor a directory
"""
BAD: dict[str, list[str]] = {}  # {file: what is said about it}
for line in SAID.strip().splitlines():
    BAD.setdefault(line.partition(".toml:")[0].removeprefix("{here}/"), []).append(line)

#: Exit 3: {file: what is said about the plugins that it requires}
INCOMPLETE: Mapping[str, list[str]] = {
    "72-required-disabled": ["required plugin `flow` is disabled: by [plugins] disable"],
    "72-required-misspelt": ["required plugin `flwo` is not there; did you mean `flow`?"],
    "72-required-without-its-table": [
        "required: plugin vault ({here}/vault.py) failed to configure:"
        " 72-required-without-its-table.toml:1 plugin.vault.key: this key is required; skipped."
        " Off: --disable vault."
    ],
}
