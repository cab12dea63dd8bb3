// SPDX-License-Identifier: Apache-2.0
// client.go - Go's own resolver as a program; arguments and exit as in client_getaddrinfo.c
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
)

func failed(err error) {
	fmt.Fprintln(os.Stderr, err)
	if dns, ok := err.(*net.DNSError); ok && dns.IsNotFound {
		os.Exit(2)
	}
	os.Exit(3)
}

func main() {
	resolver := net.Resolver{PreferGo: true}
	ctx := context.Background()
	network := map[string]string{"any": "ip", "4": "ip4", "6": "ip6"}[os.Args[1]]
	if os.Args[1] == "ptr" {
		names, err := resolver.LookupAddr(ctx, os.Args[2])
		if err != nil {
			failed(err)
		}
		fmt.Println(strings.TrimSuffix(names[0], "."))
		return
	}
	addrs, err := resolver.LookupIP(ctx, network, os.Args[2])
	if err != nil {
		failed(err)
	}
	for _, addr := range addrs {
		fmt.Println(addr)
	}
}
