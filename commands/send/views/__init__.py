"""The wizard's modals, one module per step: data in, blocks out."""
