// SPDX-License-Identifier: Apache-2.0
// Wallets announced by EIP-6963; never window.ethereum, which is whoever came last.

const found = new Map();

/** Calls onChange with all wallets each time one announces itself. Returns the function that ends it. */
export function watchWallets(onChange) {
  const announced = ({ detail }) => {
    if (!detail?.info?.uuid) return;
    found.set(detail.info.uuid, detail);
    onChange([...found.values()]);
  };
  addEventListener("eip6963:announceProvider", announced);
  dispatchEvent(new Event("eip6963:requestProvider"));
  return () => removeEventListener("eip6963:announceProvider", announced);
}

/** Send a transaction that the machine has encoded. Returns the transaction's hash. */
export async function send(wallet, chain, { to, data }) {
  const { provider } = wallet;
  const [from] = await provider.request({ method: "eth_requestAccounts" });
  const chainId = "0x" + Number(chain.id).toString(16);
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
  } catch (error) {
    if (error.code !== 4902) throw error;
    await provider.request({
      method: "wallet_addEthereumChain",
      params: [{ chainId, chainName: chain.name, rpcUrls: [chain.rpc],
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } }],
    });
  }
  return provider.request({ method: "eth_sendTransaction", params: [{ from, to, data, value: "0x0" }] });
}
