/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of the OCI image specification 1.1 and their Docker twins (manifest v2 schema 2),
 * parsed strictly and written canonically (sorted keys, no spaces: the same document has the same
 * digest). JSON is jansson's.
 */
#ifndef IMAGES_OCI_H
#define IMAGES_OCI_H

#include <jansson.h>

#include "images/store/store.h"

#define OCI_INDEX	  "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST	  "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG	  "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER	  "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYER_GZIP	  "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_LAYER_ZSTD	  "application/vnd.oci.image.layer.v1.tar+zstd"
#define DOCKER_INDEX	  "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST	  "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG	  "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER	  "application/vnd.docker.image.rootfs.diff.tar"
#define DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define DOCKER_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"
#define OCI_LAYERS_MAX	  512u

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

struct descriptor {
	char media_type[128];
	struct digest digest;
	uint64_t size;
	json_t *annotations; /* a reference, or NULL */
};

struct manifest {
	struct descriptor self; /* media type, digest, size of the document itself */
	struct descriptor config;
	struct descriptor *layers; /* base first */
	size_t nlayers;
	json_t *annotations;
};

/* What an image's configuration says, and the whole document. */
struct image_config {
	json_t *root;		 /* owns all of the rest */
	const char **entrypoint; /* NULL-terminated arrays, or NULL: not said */
	const char **cmd, **env;
	const char *user, *workdir; /* or NULL */
	struct digest *diff_ids;    /* as many as there are layers: checked */
	size_t ndiff_ids;
};

/* By media type: which compression a layer has. -ENOTSUP with the type in the sentence. */
int layer_media_type(const char *media_type, enum compression *out, struct image_error *e);
int descriptor_parse(const json_t *j, struct descriptor *out, struct image_error *e);
json_t *descriptor_json(const struct descriptor *d);
void descriptor_clear(struct descriptor *d);

/* The document of this digest, whatever it is, as document_parse reads it. */
int document_load(struct store *s, const struct digest *d, json_t **out, struct image_error *e);
/* What a name or "sha256:…" of the store stands for: a manifest or an index. */
int reference_find(
	struct store *s, const char *name, struct descriptor *out, struct image_error *e);
/* From a name or "sha256:…" of the store, through an index to the manifest for linux/amd64. Unknown
 * media types, another architecture (-ENOEXEC; the sentence lists what there is) and damaged
 * documents are refused. On failure *out need not be cleared; the same of all that parses here. */
int manifest_find(struct store *s, const char *name, struct manifest *out, struct image_error *e);
int manifest_load(
	struct store *s, const struct descriptor *d, struct manifest *out, struct image_error *e);
void manifest_clear(struct manifest *m);
int config_load(
	struct store *s, const struct manifest *m, struct image_config *out, struct image_error *e);
int config_parse(const char *data, size_t n, size_t nlayers, struct image_config *out,
	struct image_error *e);
void config_clear(struct image_config *c);

/* Writes config and manifest as blobs and, if name is not NULL, sets the name. config_root is
 * borrowed; its rootfs.diff_ids must fit the layers. *out (may be NULL): the manifest's descriptor.
 */
int image_write(struct store *s, json_t *config_root, const struct descriptor *layers,
	size_t nlayers, const char *name, struct descriptor *out, struct image_error *e);

#endif
