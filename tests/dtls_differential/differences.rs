//! What may differ between the engines, and why that is right.

use crate::comparison::{Difference, Table};

pub const CLIENT_HELLOS: Table = Table {
    verdicts: &[
        Difference {
            cases: "raw says byte 4*",
            openssl: "refused, alert 2/40, NoCommonSuite, *",
            native: "accepted, alive, *",
            because: "A client that names no groups takes any (RFC 8422, section 4); the byte is of the number or the list of supported_groups.",
        },
        Difference {
            cases: "x509-512 says byte *",
            openssl: "refused, alert 2/40, NoCommonSuite, *",
            native: "accepted, alive, *",
            because: "A client that names no groups takes any (RFC 8422, section 4); the byte is of the number or the list of supported_groups.",
        },
        Difference {
            cases: "x509-512 says byte *",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "server_name is ignored: one certificate serves every name (RFC 6066, section 3). OpenSSL reads it.",
        },
    ],
    details: &[
        Difference {
            cases: "* wire byte *",
            openssl: "refused, alert 2/40, NoCommonSuite, *",
            native: "refused, alert 2/51, KeyMismatch, *",
            because: "What was supported_groups is so no more on its way, and without it the client takes any (RFC 8422, section 4): its signature then tells that it sent something else.",
        },
        Difference {
            cases: "* byte *",
            openssl: "refused, alert 2/*, HandshakeFailed, hello none",
            native: "refused, alert 2/4*, hello none",
            because: "An extension in no form: illegal_parameter, handshake_failure or decode_error by the RFC of each (RFC 6066, section 4; RFC 5746, section 3.6).",
        },
        Difference {
            cases: "x509-512 *",
            openssl: "refused, alert 2/47, HandshakeFailed, hello none",
            native: "refused, alert 2/50, HandshakeFailed, hello none",
            because: "A list that is too short or too long is decode_error (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "x509-512 wire byte *",
            openssl: "refused, alert 2/50, HandshakeFailed, hello none",
            native: "refused, alert 2/51, KeyMismatch, *",
            because: "server_name is ignored: one certificate serves every name (RFC 6066, section 3). OpenSSL reads it. The client's signature then tells that it sent something else.",
        },
        Difference {
            cases: "raw wire byte *",
            openssl: "refused, alert 2/51, KeyMismatch, *",
            native: "refused, alert 2/40, NoCommonSuite, *",
            because: "The algorithm became one with SHA-384, which the native engine does not have (RFC 5246, section 7.4.1.4.1).",
        },
    ],
};

pub const EXTENSIONS: Table = Table {
    verdicts: &[
        Difference {
            cases: "* with 65281 holding *",
            openssl: "accepted, alive, *",
            native: "refused, alert 2/40, *",
            because: "Whatever is in it, it is not the empty renegotiated_connection of a first handshake (RFC 5746, section 3.6); OpenSSL does not mind bytes behind that.",
        },
        Difference {
            cases: "* has unknown * twice",
            openssl: "accepted, alive, *",
            native: "refused, alert 2/47, *",
            because: "There must not be two extensions of one type (RFC 5246, section 7.4.1.4); OpenSSL looks at those that it knows.",
        },
        Difference {
            cases: "* with 54 holding *",
            openssl: "accepted, alive, *",
            native: "refused, alert 2/50, *",
            because: "connection_id in no form (RFC 9146, section 3); OpenSSL does not know it.",
        },
        Difference {
            cases: "psk-ccm8 with 20 holding *",
            openssl: "accepted by the server alone, *",
            native: "accepted, alive, *",
            because: "Without certificates there is no type of them to answer (RFC 7250, section 4.2); OpenSSL answers, what the puppet did not expect.",
        },
        Difference {
            cases: "* with 13 holding * 00020503",
            openssl: "accepted by the server alone, *",
            native: "refused, alert 2/40, NoCommonSuite, *",
            because: "The native engine signs by ecdsa_secp256r1_sha256 alone, and a client that does not name it gets nothing else (RFC 5246, section 7.4.1.4.1).",
        },
        Difference {
            cases: "* holding * 0*",
            openssl: "accepted, alive, *",
            native: "accepted by the server alone, *",
            because: "The native engine answers which type of certificate it chose wherever it was asked (RFC 7250, section 4.2), and the puppet, whose list was edited, did not expect it; OpenSSL answers where it is a raw key.",
        },
        Difference {
            cases: "* with 1 holding *",
            openssl: "refused, KeyMismatch, *",
            native: "accepted by the server alone, *",
            because: "The puppet did not expect an answer to its edited max_fragment_length, and OpenSSL's stands before that to the extended master secret, in what order it likes (RFC 5246, section 7.4.1.4).",
        },
        Difference {
            cases: "x509 with 1 holding *",
            openssl: "refused, HandshakeAbandoned, *",
            native: "accepted by the server alone, *",
            because: "The puppet did not expect an answer to its edited max_fragment_length, and OpenSSL's stands before that to the extended master secret, in what order it likes (RFC 5246, section 7.4.1.4).",
        },
        Difference {
            cases: "* with 0 holding * 000700000468007374",
            openssl: "refused, alert 2/112, *",
            native: "accepted, alive, *",
            because: "server_name is ignored: one certificate serves every name (RFC 6066, section 3).",
        },
        Difference {
            cases: "psk-ccm8 with 13 holding *",
            openssl: "refused, alert 2/40, *",
            native: "accepted, alive, *",
            because: "A client with a pre-shared key signs nothing and need not name an algorithm (RFC 5246, section 7.4.1.4.1; RFC 4279, section 2).",
        },
        Difference {
            cases: "* lacks extension 10",
            openssl: "refused, alert 2/40, NoCommonSuite, *",
            native: "accepted, alive, *",
            because: "A client that names no groups takes any (RFC 8422, section 4).",
        },
        Difference {
            cases: "psk-ccm8 with 20 holding *",
            openssl: "refused, alert 2/43, *",
            native: "accepted, alive, *",
            because: "Types of certificates mean nothing to a suite without certificates (RFC 7250, section 4.2).",
        },
        Difference {
            cases: "* with 0 holding *",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "The native engine does not know this extension and passes it over, as a server must (RFC 5246, section 7.4.1.4); OpenSSL reads it.",
        },
        Difference {
            cases: "* with 5 holding *",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "The native engine does not know this extension and passes it over, as a server must (RFC 5246, section 7.4.1.4); OpenSSL reads it.",
        },
        Difference {
            cases: "* with 12 holding *",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "The native engine does not know this extension and passes it over, as a server must (RFC 5246, section 7.4.1.4); OpenSSL reads it.",
        },
        Difference {
            cases: "* with 16 holding *",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "The native engine does not know this extension and passes it over, as a server must (RFC 5246, section 7.4.1.4); OpenSSL reads it.",
        },
    ],
    details: &[
        Difference {
            cases: "raw lacks extension 13",
            openssl: "refused, alert 2/40, HandshakeFailed, *",
            native: "refused, alert 2/40, NoCommonSuite, *",
            because: "A client that names no algorithm means SHA-1, which neither engine signs with (RFC 5246, section 7.4.1.4.1); OpenSSL says that its own signature would be of the wrong type.",
        },
        Difference {
            cases: "* with 1 holding *",
            openssl: "refused, alert 2/40, CertificateRefused(NoCertificate), *",
            native: "refused, alert 2/40, CertificateRefused(NoCertificate), *",
            because: "The same refusal; the puppet stops reading OpenSSL's ServerHello at an answer that it did not expect.",
        },
        Difference {
            cases: "* with 65281 holding *",
            openssl: "refused, alert 2/50, *",
            native: "refused, alert 2/40, *",
            because: "handshake_failure is what RFC 5746, section 3.6 asks for.",
        },
        Difference {
            cases: "* with 1 holding *",
            openssl: "refused, alert 2/50, *",
            native: "refused, alert 2/47, *",
            because: "illegal_parameter is what RFC 6066, section 4 asks for.",
        },
        Difference {
            cases: "x509 with 19 holding *",
            openssl: "refused, alert 2/50, CertificateRefused(UnknownRawPublicKey), *",
            native: "refused, alert 2/40, CertificateRefused(UnknownRawPublicKey), *",
            because: "A raw key is looked up before it is read: what is on record of nobody meets handshake_failure (RFC 7250, section 4.2 leaves it open).",
        },
    ],
};

pub const FLIPPED_RECORDS: Table = Table {
    verdicts: &[
        Difference {
            cases: "* change byte 2^* always",
            openssl: "refused, HandshakeAbandoned, *",
            native: "accepted, alive, *",
            because: "Nothing authenticates the version of a record in the clear; that of the Finished behind it is demanded to be that of DTLS 1.2 (RFC 6347, section 4.1).",
        },
        Difference {
            cases: "raw exchange byte * once",
            openssl: "refused, alert *HandshakeFailed, *",
            native: "accepted, alive, *",
            because: "Nobody has proven anything yet, so the native engine drops what has no form of a message and waits for the client's own (RFC 6347, section 4.1.2.7); OpenSSL answers decode_error or illegal_parameter.",
        },
    ],
    details: &[
        Difference {
            cases: "* certificate byte *",
            openssl: "refused, alert 2/50, CertificateRefused(Malformed), *",
            native: "refused, alert 2/42, CertificateRefused(Malformed), *",
            because: "A Certificate message that cannot be read: bad_certificate, as for any that is malformed (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "x509 certificate byte *",
            openssl: "refused, alert 2/4*, CertificateRefused(*",
            native: "refused, alert 2/4*, CertificateRefused(*",
            because: "Two verifiers read a certificate in an order of their own: the first fault that each meets is named.",
        },
        Difference {
            cases: "raw certificate byte *",
            openssl: "refused, alert 2/50, CertificateRefused(UnknownRawPublicKey), *",
            native: "refused, alert 2/40, CertificateRefused(UnknownRawPublicKey), *",
            because: "A raw key is looked up before it is read: what is on record of nobody meets handshake_failure (RFC 7250, section 4.2 leaves it open).",
        },
        Difference {
            cases: "* verify byte *",
            openssl: "refused, alert 2/50, HandshakeFailed, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Nobody has proven anything yet, so the native engine drops what has no form of a message and waits for the client's own (RFC 6347, section 4.1.2.7); OpenSSL answers decode_error or illegal_parameter.",
        },
    ],
};

pub const SECOND_FLIGHTS: Table = Table {
    verdicts: &[
        Difference {
            cases: "* protected alert * before record * once",
            openssl: "accepted, dead, *Broken, *",
            native: "refused, ClientAlert(*",
            because: "OpenSSL reads a protected alert that came early only after Finished. The client has given up either way (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "* protected alert 1/0 before record * once",
            openssl: "accepted, dead, *CloseNotify, *",
            native: "refused, ClientAlert(*",
            because: "OpenSSL reads a protected close_notify that came early only after Finished. The client has gone either way (RFC 5246, section 7.2.1).",
        },
        Difference {
            cases: "* protected alert 1/100 before record * once",
            openssl: "accepted, dead, alert 2/40, Broken, *",
            native: "accepted, alive, *",
            because: "no_renegotiation is a warning, and there is nothing that it could answer here (RFC 5246, section 7.2.2): it is passed over.",
        },
        Difference {
            cases: "* protected alert 3/40 before record * once",
            openssl: "accepted, dead, alert 2/47, Broken, *",
            native: "accepted, alive, *",
            because: "Of the two levels that there are it is none (RFC 5246, section 7.2): it is no alert, and passed over.",
        },
        Difference {
            cases: "* finished as type 21 once",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, alive, *",
            because: "A Finished in a record of type alert has the form of none (RFC 5246, section 7.2) and is passed over; the repeated one counts.",
        },
        Difference {
            cases: "* alert */* before record * once",
            openssl: "refused*",
            native: "accepted, alive, *",
            because: "What cannot be authenticated ends nothing (RFC 6347, section 4.1.2.7): an alert in the clear may be anybody's, so the native engine keeps it as a reason and goes on; OpenSSL ends the handshake.",
        },
        Difference {
            cases: "* change in version [fe, *] always",
            openssl: "refused, HandshakeAbandoned, *",
            native: "accepted, alive, *",
            because: "Nothing authenticates the version of a record in the clear; that of the Finished behind it is demanded to be that of DTLS 1.2 (RFC 6347, section 4.1).",
        },
        Difference {
            cases: "* finished * once",
            openssl: "refused, *HandshakeFailed, *",
            native: "accepted, alive, *",
            because: "The native engine goes on waiting for a Finished of the right form and takes nothing else (RFC 5246, section 7.4.9); OpenSSL ends the handshake. Neither accepts it.",
        },
        Difference {
            cases: "* verify all lengths of the message +1 once",
            openssl: "refused, alert 2/50, *",
            native: "accepted, alive, *",
            because: "Nobody has proven anything yet, so the native engine drops what has no form of a message and waits for the client's own (RFC 6347, section 4.1.2.7); OpenSSL answers decode_error or illegal_parameter.",
        },
    ],
    details: &[
        Difference {
            cases: "* protected alert * before record * once",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, dead, alert 1/0, CloseNotify, *",
            because: "close_notify says what it says whatever its level (RFC 5246, section 7.2.1); OpenSSL minds the level first.",
        },
        Difference {
            cases: "* finished * always",
            openssl: "refused, KeyMismatch, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Where the native engine could read what came in place of the Finished the client has the right key; OpenSSL does not say whether it could. That is for the operator: either waits in silence.",
        },
        Difference {
            cases: "* finished * always",
            openssl: "refused, alert *",
            native: "refused, HandshakeAbandoned, *",
            because: "The native engine goes on waiting for a Finished of the right form and takes nothing else (RFC 5246, section 7.4.9); OpenSSL ends the handshake. Neither accepts it.",
        },
        Difference {
            cases: "* message 11 number 2 before record 0 once",
            openssl: "refused, alert 2/50, *",
            native: "refused, alert 2/42, *",
            because: "A Certificate message that cannot be read: bad_certificate, as for any that is malformed (RFC 5246, section 7.2.2).",
        },
    ],
};

pub const FRAGMENTS: Table = Table {
    verdicts: &[
        Difference {
            cases: "* piece 1 in epoch 1 with type * always",
            openssl: "accepted, alive, *",
            native: "refused, HandshakeAbandoned, *",
            because: "All fragments of a message bear its type (RFC 6347, section 4.2.2); OpenSSL looks at that of the first alone.",
        },
        Difference {
            cases: "*",
            openssl: "accepted, dead, Broken, *",
            native: "accepted, alive, *",
            because: "A fragment of the Finished that comes again behind the whole of it is a repetition (RFC 6347, section 4.2.4); OpenSSL takes it for a new handshake and breaks the association.",
        },
        Difference {
            cases: "* epoch 1 *",
            openssl: "refused, *HandshakeFailed, *",
            native: "accepted, alive, *",
            because: "Fragments of the Finished that contradict what it is, or are of nothing, are passed over until it is whole (RFC 6347, section 4.2.3); OpenSSL ends the handshake.",
        },
    ],
    details: &[
        Difference {
            cases: "* epoch 1 *",
            openssl: "refused, KeyMismatch, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Where the native engine could read what came in place of the Finished the client has the right key; OpenSSL does not say whether it could. That is for the operator: either waits in silence.",
        },
        Difference {
            cases: "* epoch 1 *",
            openssl: "refused, *HandshakeFailed, *",
            native: "refused, HandshakeAbandoned, *",
            because: "The native engine goes on waiting for a Finished of the right form and takes nothing else (RFC 5246, section 7.4.9); OpenSSL ends the handshake. Neither accepts it.",
        },
        Difference {
            cases: "*",
            openssl: "refused, alert 2/50, CertificateRefused(Malformed), *",
            native: "refused, alert 2/42, CertificateRefused(Malformed), *",
            because: "A Certificate message that cannot be read: bad_certificate, as for any that is malformed (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "*",
            openssl: "refused, alert 2/50, CertificateRefused(UnknownRawPublicKey), *",
            native: "refused, alert 2/40, CertificateRefused(UnknownRawPublicKey), *",
            because: "A raw key is looked up before it is read: what is on record of nobody meets handshake_failure (RFC 7250, section 4.2 leaves it open).",
        },
    ],
};

pub const PROOFS: Table = Table {
    verdicts: &[
        Difference {
            cases: "* point *compressed",
            openssl: "accepted, alive, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Only the uncompressed form of a point may be used (RFC 8422, section 5.1.2); OpenSSL takes all three forms.",
        },
        Difference {
            cases: "* point hybrid",
            openssl: "accepted, alive, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Only the uncompressed form of a point may be used (RFC 8422, section 5.1.2); OpenSSL takes all three forms.",
        },
        Difference {
            cases: "x509 holder of a chain of 8",
            openssl: "accepted, alive, *",
            native: "refused, alert 2/43, CertificateRefused(NotEvaluated), *",
            because: "The verifier of the native engine follows at most six authorities; no length is demanded (RFC 5280, section 6.1), and real chains have two or three.",
        },
    ],
    details: &[
        Difference {
            cases: "* message 1* *",
            openssl: "refused, alert *HandshakeFailed, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Nobody has proven anything yet, so the native engine drops what has no form of a message and waits for the client's own (RFC 6347, section 4.1.2.7); OpenSSL answers decode_error or illegal_parameter.",
        },
        Difference {
            cases: "* point *",
            openssl: "refused, alert *HandshakeFailed, *",
            native: "refused, HandshakeAbandoned, *",
            because: "Nobody has proven anything yet, so the native engine drops what has no form of a message and waits for the client's own (RFC 6347, section 4.1.2.7); OpenSSL answers decode_error or illegal_parameter.",
        },
        Difference {
            cases: "* signature by *",
            openssl: "refused, alert *",
            native: "refused, alert 2/47, HandshakeFailed, *",
            because: "An algorithm that CertificateRequest did not name (RFC 5246, section 7.4.8) is illegal_parameter; OpenSSL knows some of those and calls the signature wrong.",
        },
        Difference {
            cases: "x509 message 11 *",
            openssl: "refused, alert *CertificateRefused*",
            native: "refused, alert *CertificateRefused*",
            because: "Two verifiers read a certificate in an order of their own: the first fault that each meets is named.",
        },
        Difference {
            cases: "* certificate *",
            openssl: "refused, alert 2/50, CertificateRefused(Malformed), *",
            native: "refused, alert 2/42, CertificateRefused(Malformed), *",
            because: "A Certificate message that cannot be read: bad_certificate, as for any that is malformed (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "raw message 11 *",
            openssl: "refused, alert 2/50, CertificateRefused(*), *",
            native: "refused, alert *CertificateRefused(*), *",
            because: "A raw key is looked up before it is read: what is on record of nobody meets handshake_failure (RFC 7250, section 4.2 leaves it open).",
        },
        Difference {
            cases: "* message 20 *",
            openssl: "refused, alert 2/50, HandshakeFailed, *",
            native: "refused, HandshakeAbandoned, *",
            because: "The native engine goes on waiting for a Finished of the right form and takes nothing else (RFC 5246, section 7.4.9); OpenSSL ends the handshake. Neither accepts it.",
        },
        Difference {
            cases: "x509 holder with garbage behind",
            openssl: "refused, alert 2/50, CertificateRefused(Malformed), *",
            native: "refused, alert 2/42, CertificateRefused(Malformed), *",
            because: "A Certificate message that cannot be read: bad_certificate, as for any that is malformed (RFC 5246, section 7.2.2).",
        },
        Difference {
            cases: "raw certificate *",
            openssl: "refused, alert 2/50, CertificateRefused(UnknownRawPublicKey), *",
            native: "refused, alert 2/40, CertificateRefused(UnknownRawPublicKey), *",
            because: "A raw key is looked up before it is read: what is on record of nobody meets handshake_failure (RFC 7250, section 4.2 leaves it open).",
        },
    ],
};

pub const ESTABLISHED: Table = Table {
    verdicts: &[
        Difference {
            cases: "psk-512 in one datagram forty records",
            openssl: "accepted, alive, heard ping *",
            native: "accepted, alive, heard ping *",
            because: "OpenSSL reads as much of a datagram as a record of the length that was agreed on takes; the native engine reads all of it (RFC 6347, section 4.1.1).",
        },
        Difference {
            cases: "* ClientHello *",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, alive, alert 1/100, *",
            because: "Nothing is renegotiated: a ClientHello under protection is answered by no_renegotiation, which is a warning (RFC 5246, section 7.2.2); OpenSSL breaks the association.",
        },
        Difference {
            cases: "* a handshake record and a record",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, alive, heard ping one last, *",
            because: "There is no second handshake on an association: its messages are passed over, as RFC 5246, section 7.4.1.1 allows; OpenSSL breaks the association as with an unexpected message. Only a client with the keys can say them.",
        },
        Difference {
            cases: "* alert *",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, alive, *",
            because: "Of the forms and levels of alerts that there are it is none (RFC 5246, section 7.2): it is no alert, and passed over. Only a client with the keys can say it; OpenSSL breaks the association.",
        },
        Difference {
            cases: "* says 1* bytes",
            openssl: "accepted, dead, alert 2/22, Broken, *",
            native: "accepted, alive, *",
            because: "A record beyond 2^14 bytes, or the length that was agreed on, is discarded, as DTLS may do with what is invalid (RFC 6347, section 4.1.2.7); OpenSSL breaks the association by record_overflow. Neither delivers it.",
        },
        Difference {
            cases: "psk-512 says * bytes",
            openssl: "accepted, dead, alert 2/22, Broken, *",
            native: "accepted, alive, *",
            because: "A record beyond 2^14 bytes, or the length that was agreed on, is discarded, as DTLS may do with what is invalid (RFC 6347, section 4.1.2.7); OpenSSL breaks the association by record_overflow. Neither delivers it.",
        },
        Difference {
            cases: "*",
            openssl: "accepted, dead, *Broken, *",
            native: "accepted, alive, hello*",
            because: "There is no second handshake on an association: its messages are passed over, as RFC 5246, section 7.4.1.1 allows; OpenSSL breaks the association as with an unexpected message. Only a client with the keys can say them.",
        },
    ],
    details: &[
        Difference {
            cases: "* alert *",
            openssl: "accepted, dead, *",
            native: "accepted, dead, *",
            because: "close_notify says what it says whatever its level (RFC 5246, section 7.2.1); OpenSSL minds the level first.",
        },
        Difference {
            cases: "* handshake record of * 20s in epoch 1",
            openssl: "accepted, alive, hello*",
            native: "accepted, alive, 1 answers, *",
            because: "The first byte of a protected handshake record says Finished, so the native engine repeats its last flight (RFC 6347, section 4.2.4); OpenSSL reads the whole header.",
        },
        Difference {
            cases: "*",
            openssl: "accepted, alive, * answers, *",
            native: "accepted, alive, * answers, *",
            because: "A repeated Finished is answered by the last flight (RFC 6347, section 4.2.4): ChangeCipherSpec and Finished in one datagram by the native engine, in two by OpenSSL.",
        },
    ],
};
