#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_pki.sh - terok-cp pki, read back by openssl: chains, names, purposes, keys, an assertion's signature
set -u
dir='' cp='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}") NEEDS=
. "$(dirname "$0")/registry.bash"
umask 022
pki=$dir/c/pki id=00112233445566778899aabbccddeeff

shows() { openssl x509 -in "$1" -noout -text | grep -qF -- "$2"; }
purpose() { openssl verify -x509_strict -purpose "$1" -CAfile "$pki/ca.pem" "$2"; }
# The key in a file is that of the certificate in another.
pair() { [ "$(openssl pkey -in "$2" -pubout)" = "$(openssl x509 -in "$1" -noout -pubkey)" ]; }
modes() { [ -z "$(find "$dir/c" -type f ! -perm 0600)$(find "$dir/c" -type d ! -perm 0700)" ]; }
days() { # days FILE N: from now, to an hour
	openssl x509 -in "$1" -noout -checkend $(($2 * 86400 - 3600)) && not openssl x509 -in "$1" -noout -checkend $(($2 * 86400 + 3600))
}
early() { # it holds since five minutes ago
	local from
	from=$(date -d "$(openssl x509 -in "$1" -noout -startdate | cut -d= -f2)" +%s)
	[ $(($(date +%s) - from)) -ge 300 ] && [ $(($(date +%s) - from)) -lt 360 ]
}
exits() { # exits N CMD...
	local want=$1
	shift
	"$@" >/dev/null 2>"$dir/err"
	[ $? -eq "$want" ] && [ "$(wc -l <"$dir/err")" -eq 1 ]
}

is "there is no pki before init" exits 1 "$cp" pki show
is "init makes all of it" [ "$("$cp" pki init | tr '\n' ' ')" = "ca server cli client assertion " ]
is "and nothing the second time" [ -z "$("$cp" pki init)" ]
is "files are 0600 in a folder 0700, whatever the umask is" modes
for f in server cli client; do
	is "the chain of $f.pem leads to the root" openssl verify -x509_strict -CAfile "$pki/ca.pem" "$pki/$f.pem"
	is "$f.pem: certificate and key are a pair" pair "$pki/$f.pem" "$pki/$f.pem"
	is "$f.pem: a year" days "$pki/$f.pem" 365
	is "$f.pem: since five minutes ago" early "$pki/$f.pem"
	is "$f.pem: P-256" shows "$pki/$f.pem" "NIST CURVE: P-256"
done
is "the root: five years" days "$pki/ca.pem" 1825
is "the root: its name" shows "$pki/ca.pem" "Subject: O = clawker, CN = clawker CLI CA"
is "the root: one authority below it at most" shows "$pki/ca.pem" "CA:TRUE, pathlen:1"
is "the root's certificate comes without its key" not grep -q PRIVATE "$pki/ca.pem"
is "the server's names" shows "$pki/server.pem" "DNS:localhost, DNS:clawker-controlplane, IP Address:127.0.0.1"
is "the server is one" purpose sslserver "$pki/server.pem"
is "and no client" not purpose sslclient "$pki/server.pem"
is "the dialer's CN is what peers in containers ask for" shows "$pki/client.pem" "Subject: CN = clawker-controlplane"
is "the dialer is a client" purpose sslclient "$pki/client.pem"
is "and no server" not purpose sslserver "$pki/client.pem"
is "people's programs: their CN" shows "$pki/cli.pem" "Subject: CN = clawker-cli"
is "people's programs are clients" purpose sslclient "$pki/cli.pem"

name=$(printf 'a%.0s' {1..180})
is "a bundle is issued" "$cp" pki issue "$name" --project proj --container $id --out "$dir/b"
is "an agent: its CN, and names far beyond 64 bytes" shows "$dir/b/cert.pem" "Subject: CN = clawker-clawkerd"
is "an agent: both URIs" shows "$dir/b/cert.pem" "URI:urn:clawker:agent:clawker.proj.$name, URI:urn:clawker:container:$id"
is "an agent: client and server" shows "$dir/b/cert.pem" "TLS Web Client Authentication, TLS Web Server Authentication"
is "an agent: what its key is for" shows "$dir/b/cert.pem" "Digital Signature, Key Encipherment"
is "an agent: a day" days "$dir/b/cert.pem" 1
is "an agent: since five minutes ago" early "$dir/b/cert.pem"
is "an agent: the chain" openssl verify -x509_strict -CAfile "$dir/b/ca.pem" "$dir/b/cert.pem"
is "an agent: certificate and key are a pair" pair "$dir/b/cert.pem" "$dir/b/key.pem"
is "a bundle's four files are 0400" [ "$(find "$dir/b" -type f -perm 0400 -printf '%f\n' | sort | tr '\n' ' ')" = "assertion.jwt ca.pem cert.pem key.pem " ]
is "in a folder 0700" [ "$(stat -c %a "$dir/b")" = 700 ]
is "the thumbprint is SHA-256 over the DER" [ "$("$cp" pki issue dev --container $id --out "$dir/b2")" = \
	"$(openssl x509 -in "$dir/b2/cert.pem" -outform DER | sha256sum | cut -d' ' -f1)" ]
is "a bundle is not put over another" exits 1 "$cp" pki issue dev --container $id --out "$dir/b"
for c in "" ABCDEF 0123xyz; do
	is "a container '$c' is refused" exits 1 "$cp" pki issue dev "--container=$c" --out "$dir/no"
done
is "an agent with a dot in its name is refused" exits 1 "$cp" pki issue a.b --container $id --out "$dir/no"
is "without --out it is a wrong command line" exits 2 "$cp" pki issue dev --container $id
is "nothing is left of what was refused" [ -z "$(find "$dir" -maxdepth 1 -name 'no*')" ]

# The assertion, with openssl alone: r and s as a DER sequence, the public half of the signer.
part() { cut -d. -f"$1" <"$dir/b/assertion.jwt" | tr -d '\n' | tr _- /+ | sed 's/$/===/' | base64 -d 2>/dev/null; }
signature() { # both halves, as openssl has them
	half() { part 3 | od -An -v -tx1 -j "$1" -N 32 | tr -d ' \n'; }
	openssl asn1parse -genconf <(printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "$(half 0)" "$(half 32)") -noout -out "$dir/der"
}
signed() {
	cut -d. -f1,2 <"$dir/b/assertion.jwt" | tr -d '\n' >"$dir/text"
	openssl pkey -in "$pki/assertion-key.pem" -pubout -out "$dir/pub" && signature &&
		openssl dgst -sha256 -verify "$dir/pub" -signature "$dir/der" "$dir/text"
}
claim() { [ "$(part 2 | jq -r "$1")" = "$2" ]; }
is "the assertion's head is ES256" [ "$(part 1 | jq -r .alg)" = ES256 ]
is "its signature is the signer's" signed
is "iss is the client" claim .iss clawker-agent
is "sub is the client" claim .sub clawker-agent
is "aud is the control plane" claim .aud https://clawker-controlplane:7444
is "it lives for a day" claim '.exp - .iat' 86400
is "another has another jti" [ "$(part 2 | jq -r .jti)" != "$(cut -d. -f2 <"$dir/b2/assertion.jwt" | tr _- /+ | sed 's/$/===/' | base64 -d 2>/dev/null | jq -r .jti)" ]
is "it is bound to the certificate" claim '.cnf["x5t#S256"]' \
	"$(openssl x509 -in "$dir/b/cert.pem" -outform DER | openssl dgst -sha256 -binary | base64 | tr -d =\\n | tr /+ _-)"

is "show tells of each" [ "$("$cp" pki show --json | jq -r '.certificates[].role' | tr '\n' ' ')" = "ca server cli client " ]
is "with its thumbprint" [ "$("$cp" pki show --json | jq -r '.certificates[1].cert_thumbprint')" = \
	"$(openssl x509 -in "$pki/server.pem" -outform DER | sha256sum | cut -d' ' -f1)" ]
secrets() { # each line of a private key
	local f
	for f in "$pki"/*.pem "$dir"/b/key.pem; do sed -n '/BEGIN PRIVATE/,/END PRIVATE/{/-----/!p}' "$f"; done
}
said() { "$cp" pki show; "$cp" pki show --json; "$cp" pki init --json; "$cp" pki rotate cli --json; "$cp" pki issue x --container $id --out "$dir/b3" --json; }
is "no verb shows a line of a private key" not grep -qFf <(secrets) <(said 2>&1)

before=$(sha256sum "$pki/server.pem")
is "rotate makes anew what is said" [ "$("$cp" pki rotate server)" = server ]
is "and it is another" [ "$(sha256sum "$pki/server.pem")" != "$before" ]
is "of the same root" openssl verify -CAfile "$dir/b/ca.pem" "$pki/server.pem"
is "rotate ca takes all that it signed with it" [ "$("$cp" pki rotate ca | tr '\n' ' ')" = "ca server cli client " ]
is "an agent of the old root is none any more" not openssl verify -CAfile "$pki/ca.pem" "$dir/b/cert.pem"
is "rotate of what is nothing is refused" exits 1 "$cp" pki rotate moon
is "all files are 0600 still" modes
exit $bad
