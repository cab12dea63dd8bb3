#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of org.terok.Shield1 as desktops had them: it finds every container by the names on
the bus, believes only their owners, and accepts whatever is blocked, by a call to the sender of
the signal. What it sees goes to stdout, a line each. The test ends it."""

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

INTERFACE = "org.terok.Shield1"
OBJECT = "/org/terok/Shield1"
PREFIX = INTERFACE + ".Container_"

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
owners = {}


def say(*words):
    print(*words, flush=True)


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
    if found.startswith(PREFIX):
        owners[found] = bus.get_name_owner(found)
say("ready", len(owners))
GLib.MainLoop().run()
