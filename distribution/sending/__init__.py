"""From a blocked distribution to the customers' phones: lease, intend, post, record, settle (DESIGN §6)."""
