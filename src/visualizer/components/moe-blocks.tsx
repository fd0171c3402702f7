import type { JSX } from 'preact';
import { BLOCK_M, EXPERTS, ROUTES, type SortedBlock, sortedBlocks } from '../model/moe-blocks.ts';
import { MOE_CARD } from '../model/moe-card.ts';

/** The blocks as bars, for the card. */
export function MoeBlocksPicture(): JSX.Element {
  return (
    <div class="moe-bars" aria-hidden="true">
      {sortedBlocks().map((block, index) => (
        <Bar key={index} block={block} />
      ))}
    </div>
  );
}

function Bar({ block }: { readonly block: SortedBlock }): JSX.Element {
  return (
    <div class="moe-bar" data-expert={block.expert}>
      {block.entries.map(({ token, isPadding }, index) => (
        <span key={index} class={isPadding ? 'pad' : ''}>
          {isPadding ? '' : token}
        </span>
      ))}
    </div>
  );
}

/** What `moe_sorting` makes of a small routing: the router's table, and the blocks that a grouped GEMM walks over. */
export function MoeBlocks(): JSX.Element {
  const blocks = sortedBlocks();
  return (
    <article class="moe">
      <p>
        <a href="#v=1&screen=atlas">All layouts</a>
      </p>
      <h1>{MOE_CARD.title}</h1>
      <p>
        moe_sorting orders the routes of all tokens by expert and pads each expert to blocks of {BLOCK_M} rows, so that
        a workgroup of the grouped GEMM reads the weights of one expert only. Expert 1 got no token and has no block. An
        entry is <code>slot &lt;&lt; 24 | token</code>; padding names token {ROUTES.length}, which does not exist.
      </p>
      <div class="moe-tables">
        <section>
          <h2>Routes: topk_ids</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">token</th>
                <th scope="col">slot 0</th>
                <th scope="col">slot 1</th>
              </tr>
            </thead>
            <tbody>
              {ROUTES.map(([first, second], token) => (
                <tr key={token}>
                  <th scope="row">{token}</th>
                  <td>
                    <Expert expert={first} />
                  </td>
                  <td>
                    <Expert expert={second} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section>
          <h2>Blocks: sorted_ids and sorted_expert_ids</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">block</th>
                <th scope="col">expert of {EXPERTS}</th>
                {Array.from({ length: BLOCK_M }, (_, row) => (
                  <th key={row} scope="col">
                    row {row}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {blocks.map((block, index) => (
                <tr key={index}>
                  <th scope="row">{index}</th>
                  <td>
                    <Expert expert={block.expert} />
                  </td>
                  {block.entries.map(({ id, token, slot, isPadding }, row) => (
                    <td key={row} class={isPadding ? 'pad' : ''} title={`0x${id.toString(16).padStart(8, '0')}`}>
                      {isPadding ? 'padding' : `token ${token}, slot ${slot}`}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </article>
  );
}

function Expert({ expert }: { readonly expert: number }): JSX.Element {
  return (
    <span class="moe-expert" data-expert={expert}>
      expert {expert}
    </span>
  );
}
