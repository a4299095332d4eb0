//! Nothing: the dependencies of this package are fetched for the C sources that they carry.
