/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 by the test cases of RFC 4231, section 4. */
#include "helper.h"

#include "codec/digest.h"

static void check(const void *key, size_t key_len, const void *data, size_t len,
	const char *wanted)
{
	char mac[65];

	s2c_hmac_sha256(key, key_len, data, len, mac);
	assert_string_equal(mac, wanted);
}

static void test_vectors(void **state)
{
	unsigned char key[131], data[152], counted[25];

	memset(key, 0x0b, sizeof(key));
	check(key, 20, "Hi There", 8,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check("Jefe", 4, "what do ya want for nothing?", 28,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	check(key, 20, data, 50,
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (size_t i = 0; i < sizeof(counted); i++)
		counted[i] = (unsigned char)(i + 1);
	memset(data, 0xcd, sizeof(data));
	check(counted, sizeof(counted), data, 50,
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
	static const char larger[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	check(key, sizeof(key), larger, strlen(larger),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	static const char both[] =
		"This is a test using a larger than block-size key and a larger than "
		"block-size data. The key needs to be hashed before being used by the "
		"HMAC algorithm.";
	check(key, sizeof(key), both, strlen(both),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* Nothing is a message too. */
static void test_empty(void **state)
{
	check("", 0, "", 0,
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	check("k", 1, NULL, 0,
		"8bb990c40a7d61cb97597a942125025be50ac8beb74436e3735b98893a7f6620");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
