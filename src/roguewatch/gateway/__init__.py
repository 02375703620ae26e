"""Where agents meet control: hooks, relays, the OTLP receiver, the daemon."""
