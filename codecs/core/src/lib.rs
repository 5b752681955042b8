//! Tokens, nested vector quantisation, integer entropy coding and the .tsr container.
