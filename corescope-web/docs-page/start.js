SwaggerUIBundle({ url: "spec", dom_id: "#api", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0 });
