/* What is built of wolfSSL: a DTLS 1.2 client with connection ids, and no more, so that it is quick. */
#define NO_DES3
#define NO_DH
#define NO_DSA
#define NO_MD4
#define NO_MD5
#define NO_OLD_TLS
#define NO_RC4
#define NO_RSA
#define NO_SESSION_CACHE
#define NO_SHA
#define NO_WOLFSSL_SERVER
#define SINGLE_THREADED

#define ECC_TIMING_RESISTANT
#define HAVE_AESCCM
#define HAVE_AESGCM
#define HAVE_ECC
#define HAVE_EXTENDED_MASTER
#define HAVE_MAX_FRAGMENT
#define HAVE_SNI
#define HAVE_SUPPORTED_CURVES
#define HAVE_TLS_EXTENSIONS
#define WOLFSSL_DTLS
#define WOLFSSL_DTLS_CID
#define WOLFSSL_DTLS_MTU
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_STATIC_PSK
