-- A database of schema 1, as the daemon of that time wrote it and closed it; its sealing key is in the test.
PRAGMA application_id = 1651733092;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    uid INTEGER,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    fields TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
INSERT INTO "audit" VALUES(1,1795391744666,NULL,'config file','add','server','file-server','["name","psk","security","ssid","transport","type","uri"]');
INSERT INTO "audit" VALUES(2,1795391745615,0,'admin socket','add','server','eu','["lifetime","name","psk","security","ssid","transport","type","uri"]');
INSERT INTO "audit" VALUES(3,1795391745643,0,'admin socket','add','server','open','["name","security","ssid","transport","type","uri"]');
INSERT INTO "audit" VALUES(4,1795391745721,0,'admin socket','add','profile','fleet','["default","name","servers"]');
INSERT INTO "audit" VALUES(5,1795391745755,0,'admin socket','add','device','meter-1','["endpoint","psk"]');
INSERT INTO "audit" VALUES(6,1795391745798,0,'admin socket','add','device','meter-2','["endpoint","profile","psk","psk_identity"]');
INSERT INTO "audit" VALUES(7,1795391745831,0,'admin socket','add','device','open-1','["endpoint"]');
CREATE TABLE device_outcomes (
    device INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    sessions INTEGER NOT NULL
) STRICT;
CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL CHECK (endpoint <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    psk BLOB,
    psk_identity TEXT,
    profile TEXT,
    identity BLOB,
    UNIQUE (endpoint, shadowed),
    UNIQUE (identity, shadowed)
) STRICT;
INSERT INTO "devices" VALUES(1,'meter-1','database',0,1795391745755,1795391745755,X'0118C828D30678389F880A4608ED4A58504E9EA4A50F670CAED04A5067C89AE654A758E17C70338B31311FB9C034E0054BE105C9FEE38496088FB68D3A625710C9300DFA93A34CE31901EFF787',NULL,NULL,X'6D657465722D31');
INSERT INTO "devices" VALUES(2,'meter-2','database',0,1795391745798,1795391745798,X'01960959D629C662876A41B0B109FFCEBA633E73DF4C0F032946916EDFCCFEAF7EFE3B0FFCEE1DFE4F4AFD6FAF95F331202F535DEA06FC876F15F60ABDA67AC89BB31D33091490805D915BE652','other','fleet',X'6F74686572');
INSERT INTO "devices" VALUES(3,'open-1','database',0,1795391745831,1795391745831,NULL,NULL,NULL,NULL);
CREATE TABLE profile_servers (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    server TEXT NOT NULL,
    PRIMARY KEY (profile, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "profile_servers" VALUES(1,0,'eu');
INSERT INTO "profile_servers" VALUES(1,1,'open');
CREATE TABLE profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    definition TEXT NOT NULL CHECK (json_extract(definition, '$.name') = name),
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    UNIQUE (name, shadowed)
) STRICT;
INSERT INTO "profiles" VALUES(1,'fleet','database',0,1795391745721,1795391745721,'{"name":"fleet","servers":[],"default":false}',1);
CREATE TABLE seal_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;
INSERT INTO "seal_check" VALUES(1,X'01CBBB7D3A71D2480107EA912953FC2200130419CDD89E148D5964B06D6C8A76F532CE168C3BEE781E3F748C0A34D5A494711A');
CREATE TABLE servers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    psk BLOB,
    definition TEXT NOT NULL CHECK (json_extract(definition, '$.name') = name AND definition ->> 'psk' IS NULL),
    UNIQUE (name, shadowed)
) STRICT;
INSERT INTO "servers" VALUES(1,'file-server','file',0,1795391744666,1795391744666,X'017FBA899EEF44A1136C48FFACAC13F5708DC20EC23143A10574296AD6D195C9551873746167B57A6B0755065B1BB9028F1F5E82B140709D7D3F803F8F482F356A68B124F0','{"name":"file-server","type":"management","transport":"udp","ssid":300,"uri":"file.example.com","security":"psk"}');
INSERT INTO "servers" VALUES(2,'eu','database',0,1795391745615,1795391745615,X'0132ECDB7A1E3065856D8A7587F8FE9E2E937CCF4719404F998360BEA304D74F342AA23149671E4CA4219B8385E5EB8B033110F54C4F7ACAA32B010BF9899BDDE57E','{"name":"eu","type":"management","transport":"udp","ssid":101,"uri":"eu.example.com","security":"psk","lifetime":3600}');
INSERT INTO "servers" VALUES(3,'open','database',0,1795391745643,1795391745643,NULL,'{"name":"open","type":"management","transport":"udp","ssid":102,"uri":"open.example.com","security":"nosec"}');
CREATE UNIQUE INDEX profiles_default ON profiles (origin) WHERE is_default = 1;
CREATE INDEX profile_servers_server ON profile_servers (server);
CREATE INDEX devices_profile ON devices (profile, endpoint);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('servers',3);
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('profiles',1);
INSERT INTO "sqlite_sequence" VALUES('devices',3);
COMMIT;
