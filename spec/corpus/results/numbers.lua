--- Results of numerical libraries.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local rows = {}

local function row(t)
   rows[#rows + 1] = t
end

--- Doubles in native memory.
local function doubles(list)
   local buffer = moonlink.alloc(8 * #list)
   buffer:set(string.pack("<" .. ("d"):rep(#list), table.unpack(list)))
   return buffer
end

--- Double number i of a buffer, from 0.
local function double_at(buffer, i)
   return (string.unpack("<d", buffer:get(8 * i, 8)))
end

row {
   name = "gmp",
   check = function(ln, t)
      ln:cdef [[
         void __gmpz_init(void *x);
         void __gmpz_ui_pow_ui(void *r, unsigned long b, unsigned long e);
         void __gmpz_fac_ui(void *r, unsigned long n);
         void __gmpz_clear(void *x);
         char *__gmpz_get_str(char *to, int base, const void *x);
      ]]
      local number, text = moonlink.alloc(16), moonlink.alloc(400)
      ln.c.__gmpz_init(number)
      ln.c.__gmpz_ui_pow_ui(number, 2, 200)
      t:equal("1606938044258990275541962092341162602522202993782792835301376",
         ln.c.__gmpz_get_str(text, 10, number), "2^200")
      ln.c.__gmpz_fac_ui(number, 30)
      t:equal("265252859812191058636308480000000", ln.c.__gmpz_get_str(text, 10, number), "30!")
      ln.c.__gmpz_clear(number)
   end,
}

row {
   name = "mpfr", with = {"-lgmp"},
   c = [[
      #include <stdio.h>
      #include <mpfr.h>
      int pi_digits(char *to, int size)
      {
         mpfr_t x;
         mpfr_init2(x, 300);
         mpfr_const_pi(x, MPFR_RNDN);
         int n = mpfr_snprintf(to, size, "%.50Rf", x);
         mpfr_clear(x);
         mpfr_free_cache();
         return n;
      }
   ]],
   check = function(ln, t)
      local text = moonlink.alloc(100)
      t:equal(52, assert(ln:func "int pi_digits(char *, int)")(text, 100))
      t:equal("3.14159265358979323846264338327950288419716939937511",
         moonlink.string(text:address()), "pi, rounded to 50 digits")
   end,
}

row {
   name = "mpc", with = {"-lmpfr", "-lgmp", "-lm"},
   c = [[
      #include <mpc.h>
      double square_of_i(void)
      {
         mpc_t z;
         mpc_init2(z, 100);
         mpc_set_ui_ui(z, 0, 1, MPC_RNDNN);
         mpc_sqr(z, z, MPC_RNDNN);
         double re = mpfr_get_d(mpc_realref(z), MPFR_RNDN);
         mpc_clear(z);
         return re;
      }
   ]],
   check = function(ln, t)
      t:equal(-1.0, assert(ln:func "double square_of_i(void)")())
   end,
}

row {
   name = "gsl", with = {"-lgslcblas", "-lm"},
   check = function(ln, t)
      ln:cdef [[
         double gsl_sf_bessel_J0(double x);
         double gsl_sf_gamma(double x);
         double gsl_stats_mean(const double *data, size_t stride, size_t n);
      ]]
      -- the example of GSL's manual
      t:near(-0.17759677131433830434739701, ln.c.gsl_sf_bessel_J0(5.0), 1e-14, "J0(5)")
      t:near(math.sqrt(math.pi), ln.c.gsl_sf_gamma(0.5), 1e-14, "Gamma(1/2)")
      t:equal(3.5, ln.c.gsl_stats_mean(doubles {1, 2, 3, 4, 5, 6}, 1, 6), "mean")
   end,
}

row {
   name = "fftw3", with = {"-lm"},
   check = function(ln, t)
      ln:cdef [[
         void *fftw_plan_dft_1d(int n, void *in, void *out, int sign, unsigned flags);
         void fftw_execute(void *plan);
         void fftw_destroy_plan(void *plan);
      ]]
      local n, numbers = 12, {}
      for i = 1, 2 * n do
         numbers[i] = i == 1 and 1.0 or 0.0
      end
      local from, to = doubles(numbers), doubles(numbers)
      local plan = ln.c.fftw_plan_dft_1d(n, from, to, -1, 64)
      ln.c.fftw_execute(plan)
      for k = 0, n - 1 do
         t:near(1.0, double_at(to, 2 * k), 1e-15, "an impulse has all frequencies: real")
         t:equal(0.0, double_at(to, 2 * k + 1), "imaginary")
      end
      ln.c.fftw_destroy_plan(plan)
   end,
}

--- A(1,1) = 2, A(1,2) = A(2,1) = 1, A(2,2) = 3: A x = (3, 5) has the solution (4/5, 7/5).
local function check_dgesv(ln, t)
   ln:cdef [[
      void dgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *ipiv, double *b,
                  const int *ldb, int *info);
   ]]
   local function int(value)
      local buffer = moonlink.alloc(4)
      buffer:set(string.pack("<i4", value))
      return buffer
   end
   local a, b, info = doubles {2, 1, 1, 3}, doubles {3, 5}, int(-1)
   ln.c.dgesv_(int(2), int(1), a, int(2), moonlink.alloc(8), b, int(2), info)
   t:equal(0, (string.unpack("<i4", info:get(0, 4))), "info")
   t:near(0.8, double_at(b, 0), 1e-15, "x1")
   t:near(1.4, double_at(b, 1), 1e-15, "x2")
end

row {name = "lapack_pic", with = {"-lblas", "-lm", "-lgfortran"}, check = check_dgesv}

row {
   name = "openblas", with = {"-lm", "-lgfortran"},
   check = function(ln, t)
      check_dgesv(ln, t)
      local dot = assert(ln:func
         "double cblas_ddot(int n, const double *x, int incx, const double *y, int incy)")
      t:equal(32.0, dot(3, doubles {1, 2, 3}, 1, doubles {4, 5, 6}, 1), "dot product")
   end,
}

row {
   name = "quadmath", with = {"-lm"},
   c = [[
      #include <quadmath.h>
      int root_of_two(char *to, int size)
      {
         return quadmath_snprintf(to, size, "%.30Qf", sqrtq(2));
      }
   ]],
   check = function(ln, t)
      local text = moonlink.alloc(64)
      t:equal(32, assert(ln:func "int root_of_two(char *, int)")(text, 64))
      t:equal("1.414213562373095048801688724210", moonlink.string(text:address()), "sqrt(2)")
   end,
}

row {
   name = "pari", with = {"-lgmp", "-lm"},
   check = function(ln, t)
      ln:cdef [[
         void pari_init(size_t size, unsigned long maxprime);
         void *gp_read_str(const char *s);
         char *GENtostr(void *x);
         void pari_close(void);
      ]]
      ln.c.pari_init(8000000, 500000)
      t:equal("1", ln.c.GENtostr(ln.c.gp_read_str "isprime(2^127-1)"), "a Mersenne prime")
      t:equal("[641, 6700417]", ln.c.GENtostr(ln.c.gp_read_str "Vec(factor(2^32+1)[,1])"),
         "Euler's factors")
      ln.c.pari_close()
   end,
}

row {
   name = "glpk", with = {"-lgmp", "-lm", "-lz", "-lltdl", "-lamd", "-lcolamd"},
   c = [[
      #include <glpk.h>
      /* maximise 3x + 2y where x + y <= 4, x + 3y <= 6, x <= 3: 11 at (3, 1) */
      double optimum(void)
      {
         int i[5] = {0, 1, 1, 2, 2}, j[5] = {0, 1, 2, 1, 2};
         double a[5] = {0, 1, 1, 1, 3};
         glp_prob *p = glp_create_prob();
         glp_term_out(GLP_OFF);
         glp_set_obj_dir(p, GLP_MAX);
         glp_add_rows(p, 2);
         glp_set_row_bnds(p, 1, GLP_UP, 0, 4);
         glp_set_row_bnds(p, 2, GLP_UP, 0, 6);
         glp_add_cols(p, 2);
         glp_set_col_bnds(p, 1, GLP_DB, 0, 3);
         glp_set_col_bnds(p, 2, GLP_LO, 0, 0);
         glp_set_obj_coef(p, 1, 3);
         glp_set_obj_coef(p, 2, 2);
         glp_load_matrix(p, 4, i, j, a);
         glp_simplex(p, 0);
         double z = glp_get_obj_val(p);
         glp_delete_prob(p);
         glp_free_env();
         return z;
      }
   ]],
   check = function(ln, t)
      t:near(11.0, assert(ln:func "double optimum(void)")(), 1e-12, "optimum")
   end,
}

return rows
