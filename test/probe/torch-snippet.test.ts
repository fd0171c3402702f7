import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { OP_NAMES, type OpName } from '../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { torchSnippet } from '../../src/probe/torch-snippet.ts';
import { writeCase } from '../../src/probe/write-case.ts';

const PATHS = { case: 'case.safetensors', actual: 'actual.safetensors' };

/** Small, so that all of them are quick. */
const SMALL: Readonly<Partial<Record<OpName, Readonly<Record<string, number>>>>> = {
  fused_moe_mxfp4: { tokens: 4, experts: 2, topk: 1, hidden: 128, inter: 64 },
  moe_stage1_mxfp4: { tokens: 4, experts: 2, topk: 1, hidden: 128, inter: 64 },
  moe_stage2_mxfp4: { tokens: 4, experts: 2, topk: 1, hidden: 64, inter: 128 },
};

async function snippetOf(options: ProbeOptions): Promise<string> {
  const call = probeCall({ ...options, sizes: SMALL[options.op] ?? options.sizes ?? {} });
  return torchSnippet(call, await writeCase(call), PATHS);
}

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe('torch scripts', () => {
  it.runIf(hasPython)('are Python, for every op', async () => {
    const variants: readonly ProbeOptions[] = [
      ...OP_NAMES.map((op) => ({ op })),
      { op: 'fp8_gemm_nt', scales: 'packed' },
      { op: 'fused_moe_mxfp4', layout: 'interleave', params: { swiglu_limit: 7 } },
      { op: 'fused_rms_fp8_group_quant', second: true, residual: false },
      { op: 'add_rmsnorm_quant', residual: false },
      { op: 'add_rmsnorm_quant', params: { group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' } },
    ];
    const scripts = await Promise.all(variants.map(snippetOf));
    const check = 'import ast, json, sys\nfor text in json.load(sys.stdin):\n    ast.parse(text)';
    const { status, stderr } = spawnSync('python3', ['-c', check], {
      input: JSON.stringify(scripts),
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('load operands with the types and strides of the kernel, call it, save its outputs', async () => {
    expect(await snippetOf({ op: 'fp8_gemm_nt', sizes: { m: 61, n: 64, k: 256 } })).toMatchInlineSnapshot(`
      "# fp8_gemm_nt: fp8 block-scaled matrix multiplication of DeepGEMM, with float or packed power-of-two scales.
      # Runs: DeepGEMM deep_gemm.fp8_gemm_nt (SGLang w8a8_block_fp8_matmul_deepgemm).
      # Then: preshuffle diagnose case.safetensors --actual actual.safetensors
      import sys

      import torch
      from safetensors.torch import load_file, save_file
      import deep_gemm

      DEVICE = "cuda"
      # fp4 and e8m0 have dtypes of their own in newer torch; kernels take bytes elsewhere.
      FP4 = getattr(torch, "float4_e2m1fn_x2", torch.uint8)
      E8M0 = getattr(torch, "float8_e8m0fnu", torch.uint8)

      CASE = sys.argv[1] if len(sys.argv) > 1 else "case.safetensors"
      ACTUAL = sys.argv[2] if len(sys.argv) > 2 else "actual.safetensors"
      t = {name.rsplit("/", 1)[1]: value.to(DEVICE) for name, value in load_file(CASE).items()}

      x = t["x"].view(torch.float8_e4m3fn)  # [61, 256]
      w = t["w"].view(torch.float8_e4m3fn)  # [64, 256]
      x_scale = t["x_scale"].t()[: 61]  # [61, 2], strides (1, 64): columns padded to 16 bytes
      w_scale = t["w_scale"]  # [1, 2]

      y = torch.empty((x.shape[0], w.shape[0]), dtype=torch.bfloat16, device=x.device)
      deep_gemm.fp8_gemm_nt((x, x_scale), (w, w_scale), y)
      torch.cuda.synchronize()


      def dump(value):
          """Contiguous, on the host; codes of one byte as bytes, which every safetensors can store."""
          value = value.contiguous()
          return (value.view(torch.uint8) if value.element_size() == 1 else value).cpu()


      outputs = {
          "y": y,
      }
      save_file({name: dump(value) for name, value in outputs.items() if value is not None}, ACTUAL)
      print("now: preshuffle diagnose case.safetensors --actual actual.safetensors")
      "
    `);
  });

  it('view transposed scales as row-major, as the preshuffled kernel wants them', async () => {
    const text = await snippetOf({ op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 5, n: 32, k: 256 } });
    expect(text).toContain(
      'w = t["w_shuffled"].view(torch.float8_e4m3fn)  # [32, 256], stored as shuffle_weight(16,16)',
    );
    expect(text).toContain('x_scale = t["x_scale"].view(5, 2)  # bytes column by column');
    expect(text).toContain('y = aiter.gemm_a8w8_blockscale_bpreshuffle(x, w, x_scale, w_scale, dtype=torch.bfloat16)');
  });

  it('say the gate mode that the weights are shuffled for', async () => {
    expect(await snippetOf({ op: 'fused_moe_mxfp4' })).toContain('gate_mode=GateMode.SEPARATED.value');
    const text = await snippetOf({ op: 'fused_moe_mxfp4', layout: 'interleave' });
    expect(text).toContain('gate_mode=GateMode.INTERLEAVE.value');
    expect(text).toContain('w1.is_shuffled = w2.is_shuffled = True');
    expect(text).toContain('bias1=w1_bias');
  });

  it('leave a marked place where there is no public function', async () => {
    const text = await snippetOf({ op: 'moe_stage1_mxfp4' });
    expect(text).toContain('# >>> There is no public function of this signature: put your own kernel here. <<<');
    expect(text).toContain('h = my_kernel(x, w13, w13_scale, w13_bias, topk_ids)');
    expect(text).toContain('"h": h,');
  });

  it('quote paths for Python and for the shell', async () => {
    const call = probeCall({ op: 'ceil_to_ue8m0' });
    const text = torchSnippet(call, await writeCase(call), {
      case: 'my "case".safetensors',
      actual: 'out/a.safetensors',
    });
    expect(text).toContain('else "my \\"case\\".safetensors"');
    expect(text).toContain(`preshuffle diagnose 'my "case".safetensors' --actual out/a.safetensors`);
  });
});
