// The role and the user of Atoll's query services, for mongosh, by an administrator:
//   MONGODB_PASSWORD=… mongosh "mongodb://admin@m1,m2,m3/admin?replicaSet=rs0&tls=true" deploy/mongodb/users.js
// Run again, it brings both to what stands here. In deploy/compose the image runs it at the first start.
//
// The catalog reads, writes and removes documents; it makes its indexes (query_service/catalog_indexes.py), and with them its
// collections, and drops those of older versions. It drops no collection, administers nothing, sees no other database.
const database = process.env.ATOLL_DATABASE || "atoll";
const password = process.env.MONGODB_PASSWORD;
if (!password) throw new Error("MONGODB_PASSWORD is not set");

const admin = db.getSiblingDB("admin");
const role = {
  privileges: [
    {
      resource: {db: database, collection: ""},
      actions: ["find", "insert", "update", "remove", "createIndex", "listIndexes", "dropIndex"],
    },
  ],
  roles: [],
};
const user = {pwd: password, roles: [{role: "atollCatalog", db: "admin"}]};

if (admin.getRole("atollCatalog")) admin.updateRole("atollCatalog", role);
else admin.createRole({role: "atollCatalog", ...role});

if (admin.getUser("atoll")) admin.updateUser("atoll", user);
else admin.createUser({user: "atoll", ...user});
