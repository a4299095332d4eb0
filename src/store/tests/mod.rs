//! Behaviour of the whole store on real files.
