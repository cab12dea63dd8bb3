#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of org.terok.Shield1 as desktops had them: it finds every container by the names on
the bus, believes only their owners, and accepts whatever is blocked, by a call to the sender of
the signal. What it sees goes to stdout, a line each. The test ends it.

Its argument: the object's path, if it is an older one."""

import sys
import xml.etree.ElementTree as ElementTree

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

INTERFACE = "org.terok.Shield1"
OBJECT = (sys.argv[1:] or ["/org/terok/Shield1"])[0]
PREFIX = INTERFACE + ".Container_"

# What such clients hold to be the interface, instead of asking for it.
XML = """<node><interface name="org.terok.Shield1">
<signal name="ConnectionBlocked">
<arg name="container" type="s" direction="out"/><arg name="dest" type="s" direction="out"/>
<arg name="port" type="q" direction="out"/><arg name="proto" type="q" direction="out"/>
<arg name="domain" type="s" direction="out"/><arg name="request_id" type="s" direction="out"/>
</signal>
<signal name="VerdictApplied">
<arg name="container" type="s" direction="out"/><arg name="dest" type="s" direction="out"/>
<arg name="request_id" type="s" direction="out"/><arg name="action" type="s" direction="out"/>
<arg name="ok" type="b" direction="out"/>
</signal>
<method name="Verdict">
<arg name="request_id" type="s" direction="in"/><arg name="action" type="s" direction="in"/>
<arg name="ok" type="b" direction="out"/>
</method>
</interface></node>"""

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
owners = {}


def say(*words):
    print(*words, flush=True)


def interface_of(text):
    """Members in any order, their arguments in theirs; a signal's go out, said or not."""
    found = [i for i in ElementTree.fromstring(text) if i.get("name") == INTERFACE]
    return [
        sorted(
            (
                member.tag,
                member.get("name"),
                [
                    (a.get("name"), a.get("type"), a.get("direction", "out"))
                    for a in member
                    if a.tag == "arg"
                ],
                [(a.get("name"), a.get("value")) for a in member if a.tag != "arg"],
            )
            for member in interface
        )
        for interface in found
    ]


def on_message(_, message):
    if message.is_signal("org.freedesktop.DBus", "NameOwnerChanged"):
        on_owner(*message.get_args_list())
    return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED


def on_owner(name, before, now):
    if not name.startswith(PREFIX):
        return
    if now:
        owners[name] = now
        say("appeared", name)
    else:
        owners.pop(name, None)
        say("disappeared", name)


def on_blocked(container, dest, port, proto, domain, request_id, sender=None):
    if sender not in owners.values():
        say("stranger", sender)
        return
    say(f"blocked {dest}:{port}/{proto}")
    shield = dbus.Interface(bus.get_object(sender, OBJECT, introspect=False), INTERFACE)
    shield.Verdict(
        request_id,
        "accept",
        reply_handler=lambda ok: say("verdict", bool(ok)),
        error_handler=lambda error: say("error", error),
    )


def on_applied(container, dest, request_id, action, ok, sender=None):
    say(action, dest, bool(ok))


bus.add_message_filter(on_message)
bus.add_match_string(
    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
    f"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0namespace='{INTERFACE}'"
)
bus.add_signal_receiver(
    on_blocked, "ConnectionBlocked", INTERFACE, path=OBJECT, sender_keyword="sender"
)
bus.add_signal_receiver(
    on_applied, "VerdictApplied", INTERFACE, path=OBJECT, sender_keyword="sender"
)
for found in bus.list_names():
    if not found.startswith(PREFIX):
        continue
    owners[found] = bus.get_name_owner(found)
    shield = bus.get_object(found, OBJECT, introspect=False)
    served = shield.Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")
    if interface_of(served) != interface_of(XML):
        say("another interface", interface_of(served))
say("ready", len(owners))
GLib.MainLoop().run()
