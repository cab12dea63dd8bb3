#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_vault.sh - a store of the vault's, of each layout, with real keys: tokens and signatures of before are good after
# shellcheck disable=SC2154 # they are of agent.bash
. "$(dirname "$0")/agent.bash"

key ed ed25519 "tk-main:p"
key rsa rsa "tk-side:p:rsa"

# vault LAYOUT: credentials.db as the vault had it, with these keys, and a token of theirs in $dir/token
vault() {
	rm -rf "$dir/cred" && mkdir -m 0700 "$dir/cred"
	python3 - "$dir/cred/credentials.db" "$1" "$dir/keys" >"$dir/token" <<-'END'
		import base64, hashlib, secrets, sqlite3, subprocess, sys
		path, layout, keys = sys.argv[1], int(sys.argv[2]), sys.argv[3]
		column = "private_pem" if layout == 0 else "private_der"
		second = "task" if layout < 2 else "subject"
		db = sqlite3.connect(path)
		db.executescript(f"""PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;
		CREATE TABLE credentials (credential_set TEXT NOT NULL, provider TEXT NOT NULL, data TEXT NOT NULL,
		  PRIMARY KEY (credential_set, provider));
		CREATE TABLE proxy_tokens (token TEXT PRIMARY KEY, scope TEXT NOT NULL, {second} TEXT NOT NULL,
		  credential_set TEXT NOT NULL, provider TEXT NOT NULL);
		CREATE TABLE ssh_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, key_type TEXT NOT NULL
		  CHECK (key_type IN ('ed25519', 'rsa')), {column} BLOB NOT NULL, public_blob BLOB NOT NULL,
		  comment TEXT NOT NULL DEFAULT '', fingerprint TEXT NOT NULL UNIQUE,
		  created_at TEXT NOT NULL DEFAULT (datetime('now')));
		CREATE TABLE ssh_key_assignments (scope TEXT NOT NULL, key_id INTEGER NOT NULL
		  REFERENCES ssh_keys(id) ON DELETE CASCADE, assigned_at TEXT NOT NULL DEFAULT (datetime('now')),
		  PRIMARY KEY (scope, key_id)); PRAGMA user_version = {layout}""")
		for n, (name, kind) in enumerate([("ed", "ed25519"), ("rsa", "rsa")], 1):
		    public = open(f"{keys}/{name}.pub").read().split()
		    blob, private = base64.b64decode(public[1]), open(f"{keys}/{name}", "rb").read()
		    digest = hashlib.sha256(blob)
		    shown = digest.hexdigest() if layout == 0 else "SHA256:" + base64.b64encode(digest.digest()).decode().rstrip("=")
		    if layout:
		        private = open(f"{keys}/{name}.der", "rb").read()
		    db.execute(f"INSERT INTO ssh_keys (id, key_type, {column}, public_blob, comment, fingerprint)"
		               " VALUES (?, ?, ?, ?, ?, ?)", (n, kind, private, blob, public[2], shown))
		    db.execute("INSERT INTO ssh_key_assignments VALUES ('p', ?, ?)", (n, f"2026-01-0{n}"))
		token = "terok-p-" + secrets.token_hex(16)
		db.execute("INSERT INTO proxy_tokens VALUES (?, 'p', 't', 'default', 'ssh')", (token,))
		db.execute("INSERT INTO credentials VALUES ('default', 'github', '{\"type\": \"pat\", \"token\": \"ghp_old\"}')")
		db.commit()
		print(token)
	END
}
# plain: how many secrets lie in the store's files as they are
plain() {
	python3 - "$dir/cred" "$dir/keys" <<-'END'
		import os, sys
		store = b"".join(open(os.path.join(sys.argv[1], f), "rb").read() for f in os.listdir(sys.argv[1]) if "credentials.db" in f)
		keys = [open(f"{sys.argv[2]}/{f}", "rb").read()[-120:-60] for f in ("ed", "rsa", "rsa.der")]
		keys += [open(f"{sys.argv[2]}/ed.der", "rb").read()[-32:], b"ghp_old"]
		print(sum(key in store for key in keys))
	END
}

# as PKCS#8 bytes, for the layouts that have them
for name in ed rsa; do
	python3 - "$dir/keys/$name" >"$dir/keys/$name.der" <<-'END' || skip "python3 has no cryptography (python3-cryptography)"
		import sys
		from cryptography.hazmat.primitives.serialization import *
		key = load_ssh_private_key(open(sys.argv[1], "rb").read(), None)
		sys.stdout.buffer.write(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
	END
done

for layout in 0 1 2 3; do
	vault $layout
	agent
	bridge "p$layout" "$(cat "$dir/token")"
	is "layout $layout: the keys are there, for the token of before" "$(listed "p$layout")" "tk-main:p tk-side:p:rsa"
	is "... and sign" "$(yes_no signs "p$layout" ed) $(yes_no signs "p$layout" rsa)" "yes yes"
	is "... with fingerprints as people know them" "$(last key)" "$(print rsa)"
	agent_end
	is "... all in plain text still" "$(plain)" 3
	p store unlock >/dev/null
	is "... sealed when the store has a key" "$(plain) $(p credential list)" "0 default github  pat"
	agent
	is "... and they sign as before" "$(yes_no signs "p$layout" ed) $(yes_no signs "p$layout" rsa)" "yes yes"
	agent_end
	kill "${begun[@]}" && begun=()
done
finish
