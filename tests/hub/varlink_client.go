// SPDX-License-Identifier: Apache-2.0

// varlink_client is a client made with github.com/varlink/go as it is packaged, which knows
// nothing of our hub: whatever that library refuses, we do wrong.
//
//	varlink_client SOCKET info
//	varlink_client SOCKET describe
//	varlink_client SOCKET touch
//	varlink_client SOCKET call METHOD [PARAMETERS]
//	varlink_client SOCKET oneway METHOD [PARAMETERS]
//	varlink_client SOCKET stream METHOD [PARAMETERS]
//
// Replies go to stdout, one a line: their parameters as they came; an error as its name and its
// parameters, with exit code 3. "listening" on stderr: a stream's call is sent.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/varlink/go/varlink"
	"github.com/varlink/go/varlink/idl"
)

func fail(err error) {
	// the library makes values of its own of the errors of org.varlink.service
	name, parameters := err.Error(), interface{}(err)
	if e, ok := err.(*varlink.Error); ok {
		name, parameters = e.Name, e.Parameters
	}
	text, _ := json.Marshal(parameters)
	fmt.Println(name, string(text))
	os.Exit(3)
}

func info(ctx context.Context, c *varlink.Connection) []string {
	var vendor, product, version, url string
	var interfaces []string
	if err := c.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces); err != nil {
		fail(err)
	}
	fmt.Println(vendor, product, url, version != "")
	return interfaces
}

// lower has the interface's name in small letters where it is declared. This parser is older than
// the rule that allows capitals (https://varlink.org/Interface-Definition); a name that others
// have given cannot be changed for it, and everything else is parsed as it was served.
func lower(text, name string) string {
	return strings.Replace(text, "interface "+name+"\n", "interface "+strings.ToLower(name)+"\n", 1)
}

func understand(ctx context.Context, c *varlink.Connection, name string) *idl.IDL {
	text, err := c.GetInterfaceDescription(ctx, name)
	if err != nil {
		fail(err)
	}
	parsed, err := idl.New(lower(text, name))
	if err != nil {
		fail(fmt.Errorf("%s: %v", name, err))
	}
	types := map[string]bool{}
	for _, a := range parsed.Aliases {
		types[a.Name] = true
	}
	for _, a := range parsed.Aliases {
		resolve(types, a.Type)
	}
	for _, m := range parsed.Methods {
		resolve(types, m.In)
		resolve(types, m.Out)
	}
	for _, e := range parsed.Errors {
		resolve(types, e.Type)
	}
	return parsed
}

// resolve fails on a type that has a name and is nowhere, which the parser leaves to others.
func resolve(types map[string]bool, t *idl.Type) {
	if t == nil {
		return
	}
	if t.Kind == idl.TypeAlias && !types[t.Alias] {
		fail(fmt.Errorf("no type %s", t.Alias))
	}
	resolve(types, t.ElementType)
	for _, f := range t.Fields {
		resolve(types, f.Type)
	}
}

// describe parses every interface that the service says it has, and prints what it understood.
func describe(ctx context.Context, c *varlink.Connection) {
	for _, name := range info(ctx, c) {
		parsed := understand(ctx, c, name)
		fmt.Println("interface", name, parsed.Name == strings.ToLower(name))
		for _, m := range parsed.Methods {
			fmt.Printf("method %s %d %d\n", m.Name, len(m.In.Fields), len(m.Out.Fields))
		}
		for _, a := range parsed.Aliases {
			fmt.Printf("type %s %d\n", a.Name, len(a.Type.Fields))
		}
		for _, e := range parsed.Errors {
			fmt.Printf("error %s %d\n", e.Name, len(e.Type.Fields))
		}
	}
}

// touch calls every method there is, with a parameter that none has.
func touch(ctx context.Context, c *varlink.Connection) {
	for _, name := range info(ctx, c) {
		for _, m := range understand(ctx, c, name).Methods {
			var reply json.RawMessage
			method := name + "." + m.Name
			fmt.Println(method, c.Call(ctx, method, map[string]bool{"nobodys": true}, &reply))
		}
	}
}

func call(ctx context.Context, c *varlink.Connection, flags uint64, args []string) {
	var parameters interface{}
	if len(args) > 1 {
		parameters = json.RawMessage(args[1])
	}
	receive, err := c.Send(ctx, args[0], parameters, flags)
	if err != nil {
		fail(err)
	}
	if flags&varlink.Oneway != 0 {
		return
	}
	if flags&varlink.More != 0 {
		fmt.Fprintln(os.Stderr, "listening")
	}
	for more := uint64(varlink.Continues); more != 0; {
		var reply json.RawMessage
		if more, err = receive(ctx, &reply); err != nil {
			fail(err)
		}
		var line bytes.Buffer
		if len(reply) > 0 {
			if err = json.Compact(&line, reply); err != nil {
				fail(err)
			}
		}
		fmt.Println(line.String())
	}
}

func main() {
	ctx := context.Background()
	c, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	if err != nil {
		fail(err)
	}
	switch os.Args[2] {
	case "info":
		for _, name := range info(ctx, c) {
			fmt.Println(name)
		}
	case "describe":
		describe(ctx, c)
	case "touch":
		touch(ctx, c)
	case "call":
		call(ctx, c, 0, os.Args[3:])
	case "oneway":
		call(ctx, c, varlink.Oneway, os.Args[3:])
	case "stream":
		call(ctx, c, varlink.More, os.Args[3:])
	default:
		fmt.Fprintln(os.Stderr, "no such thing:", os.Args[2])
		os.Exit(2)
	}
	c.Close()
}
