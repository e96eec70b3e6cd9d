//! Places and identities, T01–T20: the runtime directory, the socket, the locks, and who answers there.
