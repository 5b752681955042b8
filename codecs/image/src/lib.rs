//! Tessera's image codec.
