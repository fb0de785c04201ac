"""Seeded EM: slots that begin at points of the foreground and find whose pixels those are."""
